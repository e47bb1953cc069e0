"""Several tests at once, so that the chance of any false finding stays what was asked for."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: each times the number of those not smaller, never falling.

    Rejecting where the adjusted value is below a level keeps the chance of one or more false rejections
    below that level, whatever the tests depend on (Holm 1979, "A simple sequentially rejective multiple
    test procedure").
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
