"""The random generators of a process: Python's, numpy's and torch's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from mlm_pretrain.objectives.randomness import row_generator

_STEP_STREAM = (1 << 62) + 1  # sets these draws apart from those of rows


def generator_states() -> dict[str, Any]:
    """The state of each, as `restore_generators` takes it."""
    states = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():  # of the device that this process computes on
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_generators(states: dict[str, Any]) -> None:
    """Set every generator whose state is there."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def seed_generators(seed: int, place: int, part: int) -> None:
    """Set every generator from (seed, place, part) alone."""
    drawn = int(row_generator(seed ^ _STEP_STREAM, place, part).integers(1 << 32))
    random.seed(drawn)
    np.random.seed(drawn)
    torch.manual_seed(drawn)


@contextmanager
def drawing_from(seed: int, place: int, part: int) -> Iterator[None]:
    """Within it, generators start from (seed, place, part); afterwards they go on as if nothing was drawn."""
    before = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    drawn = int(row_generator(seed ^ _STEP_STREAM, place, part).integers(1 << 32))
    random.seed(drawn)
    np.random.seed(drawn)
    torch.default_generator.manual_seed(drawn)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
