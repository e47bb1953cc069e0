"""What a run is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from mlm_pretrain.evaluation.probing.suite import Suite
from mlm_pretrain.manifest import Manifest
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling.objectives import objective_config_of
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.curriculum import Curriculum
from mlm_pretrain.training.followed import Followed
from mlm_pretrain.training.forgetting.guard import Guard
from mlm_pretrain.training.learning.learner import Learner
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.replay import Replay


@dataclass
class Materials:
    """What a run is made of, checked before its first step.

    Attributes:
        followed: the run that this one goes on from.
        carried: names of the parameters whose weights are that run's.
        probes: what the model is asked while it is trained.
        replay: other text that is mixed in.
        learner: what of the model learns, where not all of it does, or not all alike.
        guard: what looks after what the model knew.
    """

    config: PretrainConfig
    objective: Objective
    manifest: Manifest
    tokenizer: Any
    vocabulary: Vocabulary
    train: PackedDataset
    model: torch.nn.Module
    budget: Budget
    curriculum: Curriculum | None = None
    followed: Followed | None = None
    carried: frozenset[str] = frozenset()
    probes: Suite | None = None
    replay: Replay | None = None
    learner: Learner | None = None
    guard: Guard | None = None

    @property
    def rows_an_epoch(self) -> int:
        """Its own rows, and those that are mixed in."""
        return self.replay.places(len(self.train)) if self.replay else len(self.train)

    @property
    def first_epoch(self) -> int:
        """What its first epoch counts as: a run that follows another does not draw what that one drew."""
        return self.followed.epochs_begun if self.followed else 0

    def inputs(self) -> dict[str, dict[str, str]]:
        """What the run reads, by what it is to it: where it lies, and the hash of its content."""
        data = self.manifest.content_hash
        found = {"data": {"path": self.config.data, "xxh3_128": data}}
        if (before := self.followed) is not None:
            found["followed"] = {"path": str(before.place), "xxh3_128": before.weights_hash}
        if self.replay is not None:
            other = self.replay.data
            content = other.manifest.content_hash
            found["replay"] = {"path": str(other.folder), "xxh3_128": content}
        if self.guard is not None and self.config.guard is not None:
            found["guard"] = {"path": self.config.guard.data, "xxh3_128": self.guard.data_hash}
        return found

    @property
    def objective_config(self) -> Any:
        """The objective's settings."""
        return objective_config_of(self.config)
