"""What all metrics share: a description, and no folder in the user's home."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate

TEXT = datasets.Value("string")
NUMBER = datasets.Value("float64")
WHOLE = datasets.Value("int64")


class LocalMetric(evaluate.Metric):
    """A metric that keeps predictions in memory unless told otherwise.

    `evaluate` makes a cache folder under the home directory even for metrics kept in memory, which
    fails where the home is read-only.
    """

    def _build_data_dir(self) -> str:
        return "" if self.keep_in_memory else super()._build_data_dir()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("keep_in_memory", True)
        super().__init__(*args, **kwargs)


def describe(description: str, *kinds: tuple[Any, Any]) -> Any:
    """`MetricInfo` for a metric over (prediction, reference) pairs of one of these `kinds`."""
    return evaluate.MetricInfo(
        description=description,
        citation="",
        inputs_description="",
        features=[
            datasets.Features({"predictions": prediction, "references": reference})
            for prediction, reference in kinds
        ],
    )


def describe_labels(description: str) -> Any:
    """`MetricInfo` for labels given as text or as whole numbers."""
    return describe(description, (TEXT, TEXT), (WHOLE, WHOLE))
