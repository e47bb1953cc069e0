"""States of optimisers, schedules and generators as safetensors files: tensors, and JSON for the rest.

A pickle would do the same and run whatever code it holds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mlm_pretrain.errors import InputError

_TREE = "tree"
_PLAIN = (str, int, float, bool, type(None))


def write_state(path: Path, state: Any) -> None:
    """Write nested dicts, lists and tuples of tensors, arrays, numbers, text and None.

    Raises:
        InputError: naming the type of anything else.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = _split(state, tensors, path.name)
    save_file(tensors, path, metadata={_TREE: json.dumps(tree)})


def read_state(path: Path) -> Any:
    """What `write_state` wrote, tensors on the processor.

    Raises:
        InputError: naming a file that is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return _join(json.loads(file.metadata()[_TREE]), tensors)
    except FileNotFoundError:
        raise InputError(f"{path}: is missing", "resume from another checkpoint") from None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: is damaged ({type(error).__name__})", "resume from another checkpoint"
        ) from None


def _split(value: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """JSON of `value`, in which containers and tensors are one-entry objects that say their kind."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, torch.Tensor | np.ndarray):
        key = str(len(tensors))
        tensors[key] = torch.as_tensor(value).detach().cpu().contiguous()
        return {"tensor" if isinstance(value, torch.Tensor) else "array": key}
    if isinstance(value, dict):
        items = [[_split(part, tensors, name) for part in pair] for pair in value.items()]
        return {"dict": items}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_split(part, tensors, name) for part in value]}
    raise InputError(
        f"{name}: cannot hold a {type(value).__name__}",
        "use an optimiser and a schedule whose state is tensors and numbers",
    )


def _join(tree: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    if kind == "dict":
        return {_join(key, tensors): _join(value, tensors) for key, value in content}
    parts = [_join(part, tensors) for part in content]
    return parts if kind == "list" else tuple(parts)
