"""A mixture of denoisers (Tay et al. 2023, UL2), without tokens that tell which one it is."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.noising.config import MixtureNoise
from mlm_pretrain.objectives.noising.spans import random_spans
from mlm_pretrain.objectives.vocabulary import Flags


def mixed_spans(length: int, noise: MixtureNoise, most: int, rng: np.random.Generator) -> Flags:
    """Which tokens (T) of a text are to be written, by the denoiser drawn for it."""
    weights = np.array([noise.regular_weight, noise.extreme_weight, noise.sequential_weight])
    sort = int(rng.choice(3, p=weights / weights.sum()))
    if sort == 2:
        return rest_of_text(length, rng)
    denoisers = (noise.regular, noise.extreme)[sort]
    return random_spans(length, denoisers[int(rng.integers(len(denoisers)))], most, rng)


def rest_of_text(length: int, rng: np.random.Generator) -> Flags:
    """All tokens (T) from a random one on; two stay before it where there are three."""
    return np.arange(length) >= rng.integers(min(2, length - 1), length)
