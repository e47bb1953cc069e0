"""What an objective trains beside the model: attached to it, and saved apart from it.

As a part of the model it is optimised, moved and wrapped like any other. In files it stands beside the
model's own weights, so that these stay what `from_pretrained` expects.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives import Objective

NAME = "pretraining_heads"
HEADS_FILE = "heads.safetensors"


def attach_heads(model: Any, objective: Objective, vocabulary: Any, config: Any, seed: int) -> None:
    """Give `model` what `objective` needs beside it, once; its weights depend on `seed` alone."""
    if objective.heads is None or hasattr(model, NAME):
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = objective.heads(model, vocabulary, config)
    model.add_module(NAME, heads.to(next(model.parameters()).device))


def own_state(model: Any) -> dict[str, torch.Tensor] | None:
    """The model's weights without its heads; None where it has none, and so nothing to leave out."""
    if not hasattr(model, NAME):
        return None
    state = model.state_dict()
    return {name: weight for name, weight in state.items() if not name.startswith(f"{NAME}.")}


def write_heads(model: Any, folder: Path) -> None:
    """Write the heads, where there are any, as `folder`/heads.safetensors."""
    heads = getattr(model, NAME, None)
    if heads is not None:
        state = {
            name: weight.detach().cpu().contiguous() for name, weight in heads.state_dict().items()
        }
        save_file(state, folder / HEADS_FILE, metadata={"format": "pt"})


def read_heads(model: Any, folder: Path) -> None:
    """Load what `write_heads` wrote.

    Raises:
        InputError: when it is missing, damaged, or of other heads.
    """
    heads = getattr(model, NAME, None)
    if heads is None:
        return
    path = folder / HEADS_FILE
    try:
        heads.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path}: cannot be read ({reason})", "resume from another checkpoint"
        ) from None
