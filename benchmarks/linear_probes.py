"""What a frozen encoder's sentence vectors tell: to a linear model, and by their cosine without labels."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BATCH, _LENGTH = 64, 128
_STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # of the linear model's regularisation, inverse


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
        order = np.argsort([len(text) for text in texts], kind="stable")
        parts = [
            self._vectors([texts[i] for i in order[start : start + _BATCH]])
            for start in range(0, len(texts), _BATCH)
        ]
        vectors_NH = np.concatenate(parts)
        back = np.empty_like(vectors_NH)
        back[order] = vectors_NH
        return back

    def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        limit = min(_LENGTH, self.tokenizer.model_max_length)
        inputs = self.tokenizer(
            texts, padding=True, truncation=True, max_length=limit, return_tensors="pt",
            return_token_type_ids=False,
        )  # fmt: skip
        with torch.no_grad():
            states_BLH = self.network(**inputs).last_hidden_state
        seen_BL1 = inputs["attention_mask"][:, :, None]
        means: NDArray[np.float32] = ((states_BLH * seen_BL1).sum(1) / seen_BL1.sum(1)).numpy()
        return means


def _score(embed: Embedder, data: Path, task: Task, limit: int) -> float:
    split = {name: _rows(data / task.folder, name, limit) for name in ("train", "validation")}
    if task.kind == "similarity":
        return _similarity(embed, split["validation"])
    features = {name: _features(embed, rows) for name, rows in split.items()}
    labels = {name: [str(row["label"]) for row in rows] for name, rows in split.items()}
    return _linear(features, labels, task.metric)


def _rows(folder: Path, split: str, limit: int) -> list[dict[str, Any]]:
    with gzip.open(folder / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(limit), strict=False)]


def _features(embed: Embedder, rows: list[dict[str, Any]]) -> NDArray[np.float32]:
    """Of a pair (u, v) what InferSent takes: u, v, |u − v|, u · v (Conneau et al. 2017)."""
    first = embed([row["text"] for row in rows])
    if "text_pair" not in rows[0]:
        return first
    second = embed([row["text_pair"] for row in rows])
    return np.concatenate([first, second, np.abs(first - second), first * second], axis=1)


def _similarity(embed: Embedder, rows: list[dict[str, Any]]) -> float:
    from scipy.stats import spearmanr

    pair = [embed([row[name] for row in rows]) for name in ("text", "text_pair")]
    first, second = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in pair)
    gold = [float(row["label"]) for row in rows]
    return 100 * float(spearmanr((first * second).sum(1), gold).statistic)


def _linear(features: dict[str, Any], labels: dict[str, list[str]], metric: str) -> float:
    """A logistic regression on standardised features, its strength chosen by cross-validation on the
    training rows alone."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, matthews_corrcoef
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    search = GridSearchCV(model, {"logisticregression__C": _STRENGTHS}, cv=3)
    search.fit(features["train"], labels["train"])
    score = {"accuracy": accuracy_score, "matthews": matthews_corrcoef}[metric]
    return 100 * float(score(labels["validation"], search.predict(features["validation"])))
