"""The kinds of task, by the names that people give them."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.finetune.answering import Answering
from mlm_pretrain.finetune.classification import Classification
from mlm_pretrain.finetune.cloze import Cloze
from mlm_pretrain.finetune.multilabel import MultiLabel
from mlm_pretrain.finetune.regression import Regression
from mlm_pretrain.finetune.summarization import Summarization
from mlm_pretrain.finetune.tagging import Tagging
from mlm_pretrain.finetune.task import Task
from mlm_pretrain.finetune.translation import Translation

TASKS: dict[str, type[Task[Any]]] = {
    "sentiment": Classification,
    "cloze": Cloze,
    "multilabel": MultiLabel,
    "regression": Regression,
    "ner": Tagging,
    "qa": Answering,
    "summarization": Summarization,
    "translation": Translation,
}
