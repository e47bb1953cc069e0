"""Settings of replay."""

from __future__ import annotations

from pydantic import Field

from mlm_pretrain.config import StrictConfig


class ReplayConfig(StrictConfig):
    """Other text that is mixed in: general text beside that of a domain.

    Attributes:
        data: a folder that `prepare` wrote with the same tokenizer, whose training rows are drawn.
        share: of the rows of every step. An epoch shows each row of the run's own data once, and of these as
            many as make up the share; none of them comes again before all have come. 0 shows none, until a
            guard raises it.
    """

    data: str
    share: float = Field(0.2, ge=0, lt=1)
