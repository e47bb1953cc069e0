"""Spans behind sentinels, and the list of them (Raffel et al. 2020, T5)."""

from __future__ import annotations

import numpy as np

from mlm_pretrain.objectives.vocabulary import Flags, Ids


def with_sentinels(text_T: Ids, hidden_T: Flags, sentinel_ids: Ids) -> tuple[Ids, Ids]:
    """(the text with a sentinel for each of K spans, sentinel and tokens of each span and sentinel K + 1).

    Args:
        hidden_T: which tokens lie in spans.
        sentinel_ids: K + 1 at least, in their order.
    """
    begins_T = hidden_T & ~np.concatenate([[False], hidden_T[:-1]])
    own_K = sentinel_ids[: int(begins_T.sum())]
    shown_T = text_T.copy()
    shown_T[begins_T] = own_K
    target = np.insert(text_T[hidden_T], np.flatnonzero(begins_T[hidden_T]), own_K)
    return shown_T[~hidden_T | begins_T], np.append(target, sentinel_ids[len(own_K)])
