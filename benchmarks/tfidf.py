"""The baseline that any classifier of texts has to beat: TF-IDF and logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.finetune import TASKS

_STRENGTHS = (0.1, 1.0, 10.0, 100.0)  # of the regularisation, inverse


def tfidf_rows(task: LabelledTask, labels: int | None, seed: int) -> list[dict[str, Any]]:
    """Predictions of the scored split, as `finetune` writes them, from the labels that it would draw.

    Words and pairs of words; the regularisation is chosen on the validation file.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    examples = _examples(task, labels, seed)
    texts = {split: [_text(e) for e in found] for split, found in examples.items()}
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts["train"])
    inputs = {split: vectors.transform(found) for split, found in texts.items()}
    names = {split: [e.label for e in found] for split, found in examples.items()}
    model = max(
        (_fitted(inputs["train"], names["train"], strength) for strength in _STRENGTHS),
        key=lambda model: model.score(inputs["validation"], names["validation"]),
    )
    found = model.predict(inputs[task.scored_split])
    pairs = zip(names[task.scored_split], found, strict=True)
    return [{"label": true, "prediction": str(guess)} for true, guess in pairs]


def _examples(task: LabelledTask, labels: int | None, seed: int) -> dict[str, Sequence[Any]]:
    reader = TASKS[task.kind](task.config(model="none", seed=seed))
    train = reader.read(task.settings["train"], "train")
    reader.learn(train)
    splits: dict[str, Sequence[Any]] = {
        "train": train if labels is None else reader.subset(train, labels, seed)
    }
    for split in ("validation", "test"):
        if task.settings.get(split):
            splits[split] = reader.read(task.settings[split], split)
    return splits


def _text(example: Any) -> str:
    return f"{example.text} {example.text_pair or ''}"


def _fitted(inputs: Any, labels: Sequence[str], strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1_000).fit(inputs, labels)
