"""The network that a run trains: a fresh one, a checkpoint, or that of the run before."""

from __future__ import annotations

from typing import Any

import torch

from mlm_pretrain.hub import resolve_commit
from mlm_pretrain.modeling.build import continued_model, new_model
from mlm_pretrain.objectives import Objective
from mlm_pretrain.training.followed import Followed
from mlm_pretrain.training.pretrain_config import PretrainConfig

# By whether it looks only to the left.
DEFAULT_ARCH = {False: "modernbert-mini", True: "llama-mini"}
DEFAULT_PAIR = "bart-mini"  # of an encoder and a decoder


def pinned(config: PretrainConfig) -> PretrainConfig:
    """Of a Hub name the commit, so that all of it is of one and a resume reads the same."""
    if config.init is None:
        return config
    commit = resolve_commit(config.init, config.revision)
    return config.model_copy(update={"revision": commit or config.revision})


def build_model(
    config: PretrainConfig, objective: Objective, tokenizer: Any, max_length: int,
    followed: Followed | None,
) -> torch.nn.Module:  # fmt: skip
    """The model, with room for rows of `max_length` tokens."""
    length = max(max_length, config.positions or 0)
    source = config.init if followed is None else str(followed.model)
    if source is not None:
        return continued_model(
            source, objective.auto_class, tokenizer, length, config.seed, config.revision,
            objective.family_classes, config.dropout, config.new_rows,
        )  # fmt: skip
    default = DEFAULT_ARCH[objective.is_causal] if objective.is_packed else DEFAULT_PAIR
    arch = config.arch or default
    return new_model(
        arch, objective.auto_class, tokenizer, length, config.seed, config.dropout or 0.0,
        objective.family_classes,
    )  # fmt: skip
