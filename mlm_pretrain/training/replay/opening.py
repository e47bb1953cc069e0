"""The text that is mixed into a run's own, and what a checkpoint remembers of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.checkpoints.data_hash import hash_dataset
from mlm_pretrain.training.replay.config import ReplayConfig
from mlm_pretrain.training.replay.mixing import Change, Mixture, places_of
from mlm_pretrain.training.same_tokenizer import require_same_tokenizer

# Steps after which a new share holds. Batches are made ahead: what they hold is decided by then.
AHEAD_STEPS = 8


@dataclass
class Replay:
    """What a `TokenTrainer` needs to mix rows of other text in.

    Attributes:
        changes: of the share while the run went on.
        may_change: whether somebody may change the share, so that batches must not be made too far ahead.
        rows, replay_rows, replay_tokens: that the run has shown so far, on all processes.
    """

    config: ReplayConfig
    data: PackedDataset
    changes: list[Change] = field(default_factory=list)
    may_change: bool = False
    rows: int = 0
    replay_rows: int = 0
    replay_tokens: int = 0

    def places(self, rows: int) -> int:
        """Rows that an epoch shows where `rows` are the run's own."""
        return places_of(rows, self.config.share)

    def mixture(
        self,
        own: Callable[[int], Sequence[int]],
        rows: int,
        seed: int,
        rows_a_step: int,
        first: int,
    ) -> Mixture:
        """The order of both, which follows later changes of the share (see `Mixture`)."""
        return Mixture(
            own, rows, len(self.data), self.config.share, seed, rows_a_step, first, self.changes
        )

    @property
    def share(self) -> float:
        """The newest one, which may hold from a later step on."""
        return self.changes[-1].share if self.changes else self.config.share

    def most_workers(self, accumulation: int, ahead: int) -> int:
        """Processes that may make batches so that a changed share still reaches its first step.

        Args:
            ahead: batches that each of them makes ahead.
        """
        return (AHEAD_STEPS * accumulation - 1) // ahead

    def change(self, step: int, share: float) -> Change:
        """Let `share` hold from some steps after `step` steps on."""
        self.changes.append(Change(step + AHEAD_STEPS, share))
        return self.changes[-1]

    def count(self, rows: int, replay_rows: int, replay_tokens: int) -> None:
        """A step was read."""
        self.rows += rows
        self.replay_rows += replay_rows
        self.replay_tokens += replay_tokens

    def seen(self) -> dict[str, float]:
        """For the log: rows and tokens of the other text so far."""
        return {"replay_rows": self.replay_rows, "replay_tokens": self.replay_tokens}

    def identity(self) -> dict[str, Any]:
        """What must stay the same when a run is resumed: the folder may have moved, its rows may not."""
        return {"share": self.config.share, "data": hash_dataset(self.data)}

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "changes": [list(change) for change in self.changes], "rows": self.rows,
            "replay_rows": self.replay_rows, "replay_tokens": self.replay_tokens,
        }  # fmt: skip

    def restore(self, facts: dict[str, Any]) -> None:
        """As `facts` had it; without any, as before the first step."""
        self.changes[:] = [Change(*change) for change in facts.get("changes", ())]
        for name in ("rows", "replay_rows", "replay_tokens"):
            setattr(self, name, facts.get(name, 0))

    def result(self, tokens: int) -> dict[str, Any]:
        """What the run says of it: rows and tokens of either text, and how often all others have come.

        Args:
            tokens: of the whole run.
        """
        return {
            "share": self.config.share, "share_at_end": self.share,
            "rows": self.replay_rows, "tokens": self.replay_tokens,
            "domain_rows": self.rows - self.replay_rows,
            "domain_tokens": tokens - self.replay_tokens,
            "times_seen": round(self.replay_rows / len(self.data), 4),
        }  # fmt: skip


def open_replay(config: ReplayConfig, tokenizer: Any, checksums: bool = False) -> Replay:
    """The training rows of `config.data`, mapped and not read.

    Args:
        tokenizer: of the run.
        checksums: also compare the data's checksums, which reads all of it once; sizes always are.

    Raises:
        InputError: when the folder is no prepared data, is damaged, or is of another tokenizer.
    """
    data = PackedDataset(config.data, "train", verify_checksums=checksums)
    data.is_verified = True  # as far as was asked for
    require_same_tokenizer(data.folder, tokenizer, "replay.data")
    return Replay(config, data)
