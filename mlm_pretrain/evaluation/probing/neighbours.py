"""Whether texts of one label lie together: each text is given the label of the training texts nearest to it.

It is fitted to nothing, so that it tells of distances what a linear probe, which may pick its directions,
does not.

Source: Wu et al. 2018, "Unsupervised feature learning via non-parametric instance discrimination".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5


def neighbour_score(
    train_NF: NDArray[Any],
    train_labels: Sequence[str],
    tested_NF: NDArray[Any],
    tested_labels: Sequence[str],
    neighbours: int = NEIGHBOURS,
) -> float:
    """Accuracy in percent of the label that most of the nearest by cosine have; of several the nearest one's.

    Args:
        train_NF: features (N, F); tested ones (M, F).
        neighbours: how many are asked; fewer where there are fewer.
    """
    cosine_MN = unit_rows(tested_NF) @ unit_rows(train_NF).T
    nearest_MK = np.argsort(-cosine_MN, axis=1, kind="stable")[:, :neighbours]
    # `most_common` keeps what it met first before what is as frequent: the nearest.
    given = [Counter(train_labels[n] for n in near).most_common(1)[0][0] for near in nearest_MK]
    right = sum(a == b for a, b in zip(given, tested_labels, strict=True))
    return 100 * right / len(tested_labels)


def unit_rows(vectors_NF: NDArray[Any]) -> NDArray[np.float64]:
    """The vectors made 1 long, in float64: cosines of collapsed ones differ in their last digits alone."""
    wide_NF = np.asarray(vectors_NF, dtype=np.float64)
    found: NDArray[np.float64] = wide_NF / np.maximum(
        np.linalg.norm(wide_NF, axis=1, keepdims=True), 1e-12
    )
    return found
