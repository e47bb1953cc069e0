"""Settings that some kinds of task have no use for, and why: each reason goes on from the task's name."""

from __future__ import annotations

_HEAD = "is no encoder with a head"
_CLOZE = "fills no gap (see `finetune cloze`)"
_WEIGHTS = {"class_weights": "has no such weights"}

OF_CLASSES = {"template": _CLOZE, "words": _CLOZE}
OF_CLOZE = {"long_texts": "reads a text in one piece", "adapt": "trains all weights"}
OF_TEXTS = {**OF_CLASSES, **_WEIGHTS}
OF_WINDOWS = {**OF_TEXTS, "long_texts": "divides what is long in any case"}
OF_WRITING = {
    **OF_TEXTS,
    "long_texts": "reads a text in one piece",
    "adapt": _HEAD,
    "layer_decay": _HEAD,
}
