"""What a frozen encoder's sentence vectors tell: to a linear model, and by their cosine without labels."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlm_pretrain.evaluation.probing.linear import linear_score, pair_features
from mlm_pretrain.evaluation.probing.similarity import similarity_score
from mlm_pretrain.evaluation.probing.vectors import encode_texts, sentence_vectors


class Task(NamedTuple):
    """`kind`: "classes", scored by `metric`, or "similarity", scored by Spearman of the cosine in percent."""

    folder: str
    kind: str
    metric: str


TASKS = {
    "sst2": Task("sst2", "classes", "accuracy"),
    "trec": Task("trec", "classes", "accuracy"),
    "cola": Task("glue_cola", "classes", "matthews"),
    "rte": Task("glue_rte", "classes", "accuracy"),
    "stsb": Task("glue_stsb", "similarity", "spearman"),
}


def probe_scores(
    model: str | Path, data: Path, limit: int, tasks: Sequence[str] = tuple(TASKS)
) -> dict[str, float]:
    """Score of every task in percent.

    Args:
        model: a `from_pretrained` folder.
        data: with a folder for each task (see `TASKS`).
        limit: rows of each split that are used.
        tasks: names of those wanted.
    """
    embed = Embedder(model)
    return {name: round(_score(embed, data, TASKS[name], limit), 2) for name in tasks}


class Embedder:
    """Sentence vectors (N, H): the mean of the last hidden states of all tokens."""

    def __init__(self, model: str | Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(model)
        self.network = AutoModel.from_pretrained(model).eval()

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        """In batches of like length, given back in the order of `texts`."""
        return sentence_vectors(self.network, encode_texts(self.tokenizer, texts))


def _score(embed: Embedder, data: Path, task: Task, limit: int) -> float:
    split = {name: _rows(data / task.folder, name, limit) for name in ("train", "validation")}
    tested = _vectors(embed, split["validation"])
    if task.kind == "similarity":
        first, second = tested
        assert second is not None
        gold = [float(row["label"]) for row in split["validation"]]
        return similarity_score(first, second, gold)
    fitted = _vectors(embed, split["train"])
    labels, right = ([str(row["label"]) for row in split[name]] for name in split)
    features = pair_features(*fitted), pair_features(*tested)
    return linear_score(features[0], labels, features[1], right, task.metric)


def _rows(folder: Path, split: str, limit: int) -> list[dict[str, Any]]:
    with gzip.open(folder / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(limit), strict=False)]


def _vectors(
    embed: Embedder, rows: list[dict[str, Any]]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Of the texts, and of the second ones where they are pairs."""
    first = embed([row["text"] for row in rows])
    has_pairs = "text_pair" in rows[0]
    return first, embed([row["text_pair"] for row in rows]) if has_pairs else None
