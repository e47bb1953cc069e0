"""Scores → results as the Hub lists them: by task, data, split and metric, under the Hub's names of those."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

_SOURCE_NAME, _SOURCE_URL = "mlm-pretrain", "https://pypi.org/project/mlm-pretrain"
# Kinds of task by the Hub's names of what one does with such a model.
HUB_TASKS = {
    "sentiment": "text-classification", "cloze": "text-classification",
    "multilabel": "text-classification", "regression": "text-classification",
    "ner": "token-classification", "qa": "question-answering",
    "summarization": "summarization", "translation": "translation",
}  # fmt: skip
_HUB_METRICS = {
    "matthews": "matthews_correlation", "pearson": "pearsonr", "spearman": "spearmanr",
    "exact_match": "exact_match", "bleu": "sacrebleu",
}  # fmt: skip


def hub_result(
    kind: str, data: str, split: str, metric: str, value: float, metric_name: str, task_name: str
) -> EvalResult:
    """One score as an entry of the card's `model-index`.

    Args:
        kind: a name of `finetune.TASKS`; another stands as it is.
        data: name of the labelled data.
        metric: our name of the score, such as entity_f1; `metric_name` says it in words.
    """
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=HUB_TASKS.get(kind, kind), task_name=task_name,
        dataset_type=slug(data), dataset_name=data, dataset_split=split,
        metric_type=hub_metric(metric), metric_name=metric_name, metric_value=round(value, 4),
        source_name=_SOURCE_NAME, source_url=_SOURCE_URL,
    )  # fmt: skip


def hub_metric(metric: str) -> str:
    """The Hub's name of a score; any F1 is an f1 there, and any ROUGE a rouge."""
    if "f1" in re.split(r"[_-]", metric):
        return "f1"
    if metric.startswith("rouge"):
        return "rouge"
    return _HUB_METRICS.get(metric, metric)


def slug(name: str) -> str:
    """A name in lower case with single signs between words: what stands for data that is not on the Hub."""
    return re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-") or "data"
