"""What contrastive learning keeps beside the model: a projection, a momentum encoder, a bank of keys.

N: texts of a micro-batch. H: hidden size. K: keys in the bank.
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any, NamedTuple

import torch

from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.contrastive.bank import (
    Bank,
    empty_bank,
    enqueued,
    follow,
    staleness,
)
from mlm_pretrain.objectives.contrastive.collapse import collapse_warning, measured
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.processes import of_each_process
from mlm_pretrain.objectives.vocabulary import Vocabulary
from mlm_pretrain.progress import say


class Replay(NamedTuple):
    """What the second pass over a micro-batch needs of the first (see `cached`)."""

    generators: list[torch.Tensor]
    nats_N: torch.Tensor
    query_gradient_NH: torch.Tensor
    key_gradient_NH: torch.Tensor


class ContrastiveHeads(torch.nn.Module):
    """The state of a run, all of it saved in checkpoints but for what lives within one step.

    Attributes:
        projection: embedding → what is compared; the identity where none is asked for.
        encoder, key_projection: those that embed keys for the bank; None without one.
        steps: how many have ended.
        health: figures of the last step that was measured (see `collapse`), and the bank's mean age.
        replays: of the micro-batches still to come in this step, where negatives span them all.
    """

    steps: torch.Tensor
    keys_KH: torch.Tensor
    written_K: torch.Tensor
    next_place: torch.Tensor

    def __init__(self, base: Any, config: ContrastiveConfig) -> None:
        super().__init__()
        hidden = int(base.config.hidden_size)
        self.config, self.health = config, dict[str, float]()
        self.projection = _projection(hidden, config.projection)
        self.encoder, self.key_projection = None, None
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        if config.bank_size:
            # The settings are shared, so that it computes its attention as the model does.
            shared = {id(base.config): base.config}
            self.encoder = copy.deepcopy(base, shared).requires_grad_(False)
            self.key_projection = copy.deepcopy(self.projection).requires_grad_(False)
            bank = empty_bank(config.bank_size, config.projection or hidden)
            for name, value in bank._asdict().items():
                self.register_buffer(name, value)
        self.replays: deque[Replay] = deque()
        self._keys: list[torch.Tensor] = []
        self._queries: list[torch.Tensor] = []
        self._warned: str | None = None
        self.register_load_state_dict_post_hook(_forget)

    @property
    def bank(self) -> Bank | None:
        if self.encoder is None:
            return None
        return Bank(self.keys_KH, self.written_K, self.next_place)

    def begin_with(self, base: torch.nn.Module) -> None:
        """Until a step has ended the momentum encoder is the model, whatever start that was given since."""
        if self.encoder is not None and self.key_projection is not None and not int(self.steps):
            follow(self.encoder, base, 0.0)
            follow(self.key_projection, self.projection, 0.0)

    def note(self, queries_NH: torch.Tensor, keys_NH: torch.Tensor) -> None:
        """Keep a micro-batch's embeddings until the step ends, where they will be asked for."""
        is_measured = self._is_measured(int(self.steps) + 1)
        if self.encoder is not None or is_measured:
            self._keys.append(keys_NH.detach())
        if is_measured:
            self._queries.append(queries_NH.detach())

    def end_step(self, model: Any) -> None:
        """Once after each optimiser step, before a checkpoint is written."""
        self.steps += 1
        step = int(self.steps)
        if self.encoder is not None and self.key_projection is not None:
            follow(self.encoder, model.base_model, self.config.momentum)
            follow(self.key_projection, self.projection, self.config.momentum)
            self._write_keys(step)
        if self._is_measured(step):
            self._measure(step)
        self.forget()

    def _write_keys(self, step: int) -> None:
        none = self.keys_KH.new_zeros(0, self.keys_KH.shape[1])
        # In the order of processes, so that all their banks are equal.
        keys_NH = torch.cat(of_each_process(torch.cat([none, *self._keys]))[0])
        old = Bank(self.keys_KH, self.written_K, self.next_place)
        for part, new in zip(old, enqueued(old, keys_NH, step), strict=True):
            part.copy_(new)

    def _is_measured(self, step: int) -> bool:
        return step % self.config.health_every == 0

    def _measure(self, step: int) -> None:
        """Of this process's texts; says so once when they have collapsed."""
        if self._queries:
            self.health = measured(torch.cat(self._queries), torch.cat(self._keys))
        if self.encoder is not None:
            self.health["bank_age"] = staleness(self.written_K, step)
        warning = collapse_warning(self.health)
        if warning and self._warned is None and process_rank() == 0:
            say(f"step {step}: {warning}")
        self._warned = warning

    def forget(self) -> None:
        """What a step left behind that did not end."""
        self._keys.clear()
        self._queries.clear()
        self.replays.clear()


def _forget(module: Any, _keys: Any) -> None:
    module.forget()


def _projection(hidden: int, width: int) -> torch.nn.Module:
    """Two layers as in SimCLR (Chen et al. 2020)."""
    if not width:
        return torch.nn.Identity()
    return torch.nn.Sequential(
        torch.nn.Linear(hidden, hidden), torch.nn.GELU(), torch.nn.Linear(hidden, width)
    )


def build_heads(model: Any, _vocabulary: Vocabulary, config: ContrastiveConfig) -> ContrastiveHeads:
    """Heads for `model`.

    Raises:
        InputError: where views shall differ by dropout, and the model has none.
    """
    if config.positives == "dropout" and not has_dropout(model):
        raise InputError(
            "positives: dropout needs a model with dropout, and this one has none",
            "give --dropout 0.1, or objective_settings of positives: spans or augmented",
        )
    return ContrastiveHeads(model.base_model, config)


def has_dropout(model: Any) -> bool:
    """Whether two passes over a text may differ in training.

    Asked of the modules: configs name dropouts of heads that are not there.
    """
    modules = list(model.base_model.modules())
    shares = [module.p for module in modules if isinstance(module, torch.nn.Dropout)]
    shares += [
        value
        for module in modules
        for name, value in vars(module).items()
        if "dropout" in name and isinstance(value, float)
    ]
    return any(share > 0 for share in shares)
