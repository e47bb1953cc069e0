"""Settings of noise."""

from __future__ import annotations

from pydantic import Field

from mlm_pretrain.config import StrictConfig


class BartNoise(StrictConfig):
    """What is done to a segment that is then to be written out as it was.

    Attributes:
        ratio: of the tokens, those hidden behind masks.
        mean_span: of the Poisson distribution that a mask's number of tokens is drawn from; it may be 0.
        deletion: of the tokens, those left out without a trace, before any are masked.
        permutation: of the segments, those whose sentences are put into another order.
        rotation: of the segments, those that begin at another token, what stood before it coming last.
        language: of the text, for finding its sentences (ISO 639-1).
    """

    ratio: float = Field(0.3, ge=0, lt=1)
    mean_span: float = Field(3.0, gt=0)
    deletion: float = Field(0.0, ge=0, lt=1)
    permutation: float = Field(1.0, ge=0, le=1)
    rotation: float = Field(0.0, ge=0, le=1)
    language: str = "en"


class SpanNoise(StrictConfig):
    """Spans of text to be written.

    Attributes:
        ratio: of the tokens, those in spans.
        mean_span: tokens in a span.
    """

    ratio: float = Field(0.15, gt=0, lt=1)
    mean_span: float = Field(3.0, ge=1)


class MixtureNoise(StrictConfig):
    """Denoisers of three sorts, drawn for each segment; those of a sort are equally likely.

    Attributes:
        regular_weight, extreme_weight, sequential_weight: of the segments, in these proportions.
        regular: a few short spans.
        extreme: long spans, or much of the text. (A sequential one continues from a random token.)
    """

    regular_weight: float = Field(2.0, ge=0)
    extreme_weight: float = Field(4.0, ge=0)
    sequential_weight: float = Field(1.0, gt=0)
    regular: tuple[SpanNoise, ...] = Field((SpanNoise(), SpanNoise(mean_span=8)), min_length=1)
    extreme: tuple[SpanNoise, ...] = Field(
        (
            SpanNoise(ratio=0.5),
            SpanNoise(ratio=0.5, mean_span=8),
            SpanNoise(mean_span=64),
            SpanNoise(ratio=0.5, mean_span=64),
        ),
        min_length=1,
    )
