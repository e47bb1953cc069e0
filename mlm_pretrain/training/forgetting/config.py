"""Settings of the guard against forgetting."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig

TIMES = 10
_OF_REPLAY = ("replay_step", "replay_most")


class GuardConfig(StrictConfig):
    """How well general text is still predicted while another text is learnt, and what is done when not.

    The loss has fixed masks, and is compared with that before the first step, or where the head learns first
    with that after it has. A head that was not in the checkpoint lowers the loss by learning, whatever the
    layers forget meanwhile: there it is compared with the lowest so far. Where the run's data has a
    validation split, its loss is taken beside it.

    Attributes:
        data: general text: a folder that `prepare` wrote with the same tokenizer. Its validation split is
            measured, or where it has none its training split.
        every_steps: steps between two measurements; or
        times: how many of them, evenly spread; 10 where neither is given. One before the first step and one
            after the last are always there.
        rows: of each text, evenly spread over it; fewer where five measurements would take more than their
            share, but not fewer than 16. In a run by minutes it is timed how many these are, so that losses
            of two runs compare only where their results name the same `rows`.
        budget_share: of the run that measuring may take. In a run by steps it is a share of the work, where
            a row that is only scored is a third of one that is learnt: then the same steps are measured on
            any machine. In a run by minutes it is a share of the time. 1 sets no limit.
        tolerance: by how much of the value it is compared with the general loss may rise.
        action: when it has risen by more. "warn" says so, once; "stop" ends the run, whose model is then
            that of the last measurement within the bound; "replay" raises the share of replay.
        replay_step, replay_most: by how much each time, from eight steps after it was measured on, since
            batches are made ahead; and up to which share.
    """

    data: str
    every_steps: int | None = Field(None, ge=1)
    times: int | None = Field(None, ge=1)
    rows: int = Field(256, ge=1)
    budget_share: float = Field(0.03, gt=0, le=1)
    tolerance: float = Field(0.02, ge=0)
    action: Literal["warn", "stop", "replay"] = "warn"
    replay_step: float = Field(0.1, gt=0, lt=1)
    replay_most: float = Field(0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_together(self) -> GuardConfig:
        if self.every_steps is not None and self.times is not None:
            raise ValueError("give every_steps or times, not both")
        usual = type(self).model_fields
        changed = [name for name in _OF_REPLAY if getattr(self, name) != usual[name].default]
        if changed and self.action != "replay":
            raise ValueError(f"{changed[0]} is for the action replay, not for {self.action}")
        return self
