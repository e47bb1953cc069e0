"""A vocabulary with sentinels, and the way back from a pair."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary

START, END, MASK, FULL_STOP = 2, 3, 4, 5
WORDS = np.arange(6, 400)
SENTINELS = np.arange(400, 432)


def vocabulary() -> Vocabulary:
    """0-4 special, 5 a full stop, words, and 32 sentinels."""
    special_V = np.zeros(432, dtype=bool)
    special_V[[*range(5), *SENTINELS]] = True
    nothing_V = np.zeros(432, dtype=bool)
    texts = ["", "", "", "", "", ".", *(f" Word{n}" for n in WORDS), *("" for _ in SENTINELS)]
    return Vocabulary(
        432, MASK, 0, special_V, np.flatnonzero(~special_V), ~nothing_V, nothing_V, nothing_V, 1,
        tuple(texts), SENTINELS,
    )  # fmt: skip


def segment(rng: np.random.Generator, text: int) -> Ids:
    """Distinct words between a start and an end token, as far as there are words."""
    return np.concatenate([[START], rng.choice(WORDS, text, replace=text > len(WORDS)), [END]])


def restored(source_S: Ids, target_D: Ids) -> Ids:
    """What was noised: each sentinel of the source replaced by what stands behind it in the target."""
    cuts = np.flatnonzero(np.isin(target_D, SENTINELS))
    if not len(cuts):
        return target_D
    spans = {int(part[0]): part[1:] for part in np.split(target_D, cuts)[1:]}
    return np.concatenate([spans.get(int(i), np.array([i])) for i in source_S])
