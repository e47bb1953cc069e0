"""The pooling layer of a checkpoint, which a language model of it has no place for.

BERT and its like classify by a layer over the first token. Masked-LM classes leave it out, so that a
checkpoint that is trained further through one would lose it, and a classifier of the trained model would
start behind one of the checkpoint for no reason that lies in the training.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers.utils import SAFE_WEIGHTS_NAME, cached_file

_POOLER = "pooler."


def pooling_weights(checkpoint: str, revision: str | None, model: Any) -> dict[str, torch.Tensor]:
    """By the names that classes built on `model`'s layers have for them; none where it has its own.

    Args:
        checkpoint: a folder or a Hub name, as it was trained from. Where it is gone, or its weights lie in
            several files, none are found.
    """
    try:
        path = cached_file(checkpoint, SAFE_WEIGHTS_NAME, revision=revision or "main")
        with safe_open(path, "pt") as file:
            found = _named(file.keys(), f"{model.base_model_prefix}.")
            own = model.state_dict()
            return {name: file.get_tensor(key) for name, key in found.items() if name not in own}
    except (OSError, SafetensorError):
        return {}


def _named(keys: Iterable[str], prefix: str) -> dict[str, str]:
    """Name within a class with a head → name in the file, which may be of a class without one."""
    inner = {key.removeprefix(prefix): key for key in keys}
    return {prefix + name: key for name, key in inner.items() if name.startswith(_POOLER)}
