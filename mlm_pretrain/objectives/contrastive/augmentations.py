"""Changed copies of a text, as functions of its ids and a generator.

Source: Yan et al. 2021, ConSERT (shuffling, cut-off); Wu et al. 2020, CLEAR (deletion); the last,
`with_typos`, puts random tokens in and is noise, not what people mistype. Control tokens ([CLS], [SEP])
stay where they are, and at least one other token stays wherever there is one.

T: tokens of the text. P: those that are not control tokens. V: vocabulary.
"""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.contrastive.config import AugmentationConfig
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Vocabulary


def control_tokens(vocabulary: Vocabulary) -> Flags:
    """True for ids that are no text (V). What stands for unknown characters is text."""
    control_V = vocabulary.special_V.copy()
    if vocabulary.unknown_id is not None:
        control_V[vocabulary.unknown_id] = False
    return control_V


def augmented(
    ids_T: Ids,
    control_V: Flags,
    ordinary_ids: Ids,
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> Ids:
    """The text after all augmentations that are switched on."""
    ids_T = cropped(ids_T, control_V, config.crop, rng)
    ids_T = cut_off(ids_T, control_V, config.cutoff, rng)
    ids_T = with_deletions(ids_T, control_V, config.deletion, rng)
    ids_T = shuffled(ids_T, control_V, config.shuffle, rng)
    return with_typos(ids_T, control_V, ordinary_ids, config.typos, rng)


def cropped(ids_T: Ids, control_V: Flags, share: float, rng: np.random.Generator) -> Ids:
    """One stretch of the text, without `share` of it at its ends."""
    places_P = np.flatnonzero(~control_V[ids_T])
    removed = _removed(len(places_P), share)
    if not removed:
        return ids_T
    start = int(rng.integers(removed + 1))
    return only(ids_T, places_P, places_P[start : start + len(places_P) - removed])


def cut_off(ids_T: Ids, control_V: Flags, share: float, rng: np.random.Generator) -> Ids:
    """The text without one span that holds `share` of it."""
    places_P = np.flatnonzero(~control_V[ids_T])
    removed = _removed(len(places_P), share)
    if not removed:
        return ids_T
    start = int(rng.integers(len(places_P) - removed + 1))
    return np.delete(ids_T, places_P[start : start + removed])


def with_deletions(ids_T: Ids, control_V: Flags, share: float, rng: np.random.Generator) -> Ids:
    """The text without tokens that are left out at a chance of `share` each."""
    places_P = np.flatnonzero(~control_V[ids_T])
    if not share or not len(places_P):
        return ids_T
    drawn_P = rng.random(len(places_P))
    kept_P = places_P[drawn_P >= share]
    if not len(kept_P):
        kept_P = places_P[[int(drawn_P.argmax())]]
    return only(ids_T, places_P, kept_P)


def shuffled(ids_T: Ids, control_V: Flags, window: int, rng: np.random.Generator) -> Ids:
    """The text with its tokens in another order within each `window` of them."""
    if window < 2:
        return ids_T
    places_P = np.flatnonzero(~control_V[ids_T])
    order_P = np.argsort(np.arange(len(places_P)) // window + rng.random(len(places_P)))
    ids_T = ids_T.copy()
    ids_T[places_P] = ids_T[places_P[order_P]]
    return ids_T


def with_typos(
    ids_T: Ids, control_V: Flags, ordinary_ids: Ids, share: float, rng: np.random.Generator
) -> Ids:
    """The text with random ordinary ids in the place of tokens, at a chance of `share` each."""
    if not share:
        return ids_T
    chosen_T = (rng.random(len(ids_T)) < share) & ~control_V[ids_T]
    strangers_T = ordinary_ids[rng.integers(len(ordinary_ids), size=len(ids_T))]
    return np.where(chosen_T, strangers_T, ids_T)


def only(ids_T: Ids, places_P: Ids, kept: Ids) -> Ids:
    """The text with no other of the tokens at `places_P` than those at `kept`."""
    stays_T = np.ones(len(ids_T), dtype=bool)
    stays_T[places_P] = False
    stays_T[kept] = True
    return ids_T[stays_T]


def _removed(tokens: int, share: float) -> int:
    """How many of `tokens` make `share` of them, but not all."""
    return max(0, min(round(share * tokens), tokens - 1))
