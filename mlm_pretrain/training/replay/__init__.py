"""Rows of other text among those of a run, so that what a model knew is not forgotten: one file a question.

`config`: the settings.
`mixing`: which rows each step shows, as a pure function of its place.
`opening`: the other text, of the same tokenizer, and what a checkpoint remembers of it.
`reading`: the rows of both, each marked by which text it is of.
`counting`: rows, tokens and losses of either.
"""

from __future__ import annotations

from mlm_pretrain.training.replay.config import ReplayConfig
from mlm_pretrain.training.replay.opening import Replay, open_replay

__all__ = ["Replay", "ReplayConfig", "open_replay"]
