"""`TokenTrainer`: drop-in for `transformers.Trainer`, with the right loss.

The stock Trainer takes a model's loss as it comes. For most masked-LM classes that is a mean over a
micro-batch, which it then fails to divide by the accumulation steps; and it averages evaluation losses
over batches instead of tokens. Here the loss is the sum over all tokens predicted in an optimiser
step, on all micro-batches and processes, divided by their number.

It also resumes roughly, and other runs than the one that was stopped. Here a resumed run is bitwise the run
that was never stopped, or is refused with the reason (see `checkpoints`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer

from mlm_pretrain.evaluation.passes import ModelPasses
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.agreement import mean_over_processes
from mlm_pretrain.training.allocation import keep_freed_memory
from mlm_pretrain.training.batches import (
    LabelPadding,
    labels_of,
    makes_own_batches,
    read_step,
)
from mlm_pretrain.training.callbacks.adaptive_masking import adaptive_masking
from mlm_pretrain.training.callbacks.loss_watch import SPIKE_NATS, LossWatch
from mlm_pretrain.training.callbacks.moment import MomentCallback
from mlm_pretrain.training.checkpoints import fingerprint, reading
from mlm_pretrain.training.checkpoints.finding import way_back
from mlm_pretrain.training.checkpoints.resuming import Resuming
from mlm_pretrain.training.compatibility import (
    prepare_model,
    refuse_push,
    refuse_unsupported,
    require_own_batches,
    verify_rows,
)
from mlm_pretrain.training.curriculum import Curriculum
from mlm_pretrain.training.evaluation import Evaluating
from mlm_pretrain.training.fitting import train_fitting
from mlm_pretrain.training.heads import attach_heads
from mlm_pretrain.training.learning.learner import Learner
from mlm_pretrain.training.loading import can_place, order_seed, own_collator, placed_loader
from mlm_pretrain.training.placement import placed
from mlm_pretrain.training.replay import Replay
from mlm_pretrain.training.replay.counting import SourceMeans, is_told_apart
from mlm_pretrain.training.replay.reading import SOURCES
from mlm_pretrain.training.terms import TermMeans, found_loss, part_figures, prepare_step

_OWN_COLUMNS = (
    "labels", "segment_lengths", "segment_final", "segment_document", "epoch", "example", "progress",
    "weightless", "partner", "is_replay",
)  # fmt: skip


class TokenTrainer(Resuming, Evaluating, Trainer):
    """What all trainers share; `objective` says what is predicted.

    Args:
        model, args, train_dataset, eval_dataset, …: as for `transformers.Trainer`.
        processing_class: the tokenizer; needed where examples have no `labels`, since batches are then
            made by the objective's own collator.
        objective_config: settings of the objective (`MaskedConfig` for masked tokens).
        spike_nats: stop before the update of a step whose loss lies so far above those before (see
            `LossWatch`).

    Examples hold `input_ids` and may hold `attention_mask`, `labels`, and for packed rows
    `segment_lengths` (and `segment_final`, `segment_document`), as `PackedDataset` gives them.

    Attributes:
        progress_at: step → share of the run done, for what changes over a run; None counts steps.
        curriculum: shows easy rows first, see `build_curriculum`; None shuffles all of them.
        replay: rows of other text that are mixed in, see `open_replay`; None mixes in none. Set by `mix_in`.
        learner: what changes in a step, see `begin_learning`; None lets all change.
        passes: makes what losses ask for their forward passes.
        first_epoch: what the first epoch counts as, for order and masks; of a run that follows another.
    """

    objective: Objective
    first_epoch: int = 0

    def __init__(
        self,
        model: torch.nn.Module | None = None,
        args: Any = None,
        data_collator: Any = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        objective_config: Any = None,
        spike_nats: float = SPIKE_NATS,
        **kwargs: Any,
    ) -> None:
        if args is not None and args.push_to_hub:
            raise refuse_push(f"{type(self).__name__}: push_to_hub")
        self.makes_batches = data_collator is None and makes_own_batches(
            train_dataset, eval_dataset
        )
        self.order_seed = order_seed(args)
        self.objective_config = objective_config or self.objective.config()
        require_own_batches(self, processing_class)
        if self.objective.heads is not None and model is not None:
            vocabulary = read_vocabulary(processing_class)
            attach_heads(model, self.objective, vocabulary, self.objective_config, self.order_seed)
        if self.makes_batches:
            data_collator = own_collator(self, processing_class, self.objective_config)
            eval_dataset = placed(eval_dataset, self.order_seed, self.objective.needs_partner)
        elif data_collator is None and processing_class is not None:
            data_collator = LabelPadding(processing_class, self.objective.is_causal)
        super().__init__(
            model=model, args=args, data_collator=data_collator, train_dataset=train_dataset,
            eval_dataset=eval_dataset, processing_class=processing_class, **kwargs,
        )  # fmt: skip
        # The loss below is already divided by the global count.
        self.model_accepts_loss_kwargs = True
        self.args._n_gpu = min(self.args.n_gpu, 1)  # one process a GPU: start several with torchrun
        self._train_batch_size = self.args.train_batch_size  # was counted for all GPUs
        refuse_unsupported(self)
        self.finds_batch = self.args.auto_find_batch_size
        self.progress_at: Callable[[int], float] | None = None
        self.curriculum: Curriculum | None = None
        self.replay: Replay | None = None
        self.sources: SourceMeans | None = None
        self.learner: Learner | None = None
        self.passes: Callable[..., ModelPasses] = ModelPasses
        self.checkpoint_facts: Callable[[], dict[str, Any]] = dict
        self.placed_batches: Any = None
        self.watch = LossWatch(
            spike_nats, mean_over_processes, partial(way_back, Path(self.args.output_dir))
        )
        self.terms = TermMeans()
        self.to_prepare: list[Any] = []  # a step's batches until its first loss
        self.late_collator: Any = None
        self.adaptive = adaptive_masking(data_collator) if self.makes_batches else None
        if self.adaptive is not None:
            self.add_callback(self.adaptive)
        self.add_callback(self.watch)
        self.add_callback(MomentCallback(self))
        self.tokens_this_run = 0
        self._began = time.monotonic()
        self.head = prepare_model(self)
        keep_freed_memory()

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
        weights_only: bool = False,
    ) -> Any:
        """As in `Trainer`; a resumed training is the one that was stopped, to the bit.

        Args:
            resume_from_checkpoint: a checkpoint's folder, or True for the newest whole one.
            weights_only: take weights and position alone, and start the optimiser anew.

        Raises:
            InputError: when the checkpoint is damaged, or is of other settings, data or tokenizer.
        """
        verify_rows(self)
        self._resumed_from, self._weights_only = None, weights_only
        if resume_from_checkpoint:
            out = Path(self._get_output_dir(trial))
            found = reading.choose_checkpoint(resume_from_checkpoint, out, weights_only)
            if not weights_only:
                reading.require_same(self, found)
            reading.make_current(self, found)
            self._resumed_from = found
        reading.restore_replay(self, self._resumed_from)
        checkpoint = str(self._resumed_from) if self._resumed_from else None
        return train_fitting(
            self, lambda: super(TokenTrainer, self).train(checkpoint, trial, ignore_keys_for_eval)
        )

    def mix_in(self, replay: Replay) -> None:
        """Show rows of other text among those of the training set, from the next training on."""
        self.replay = replay
        if is_told_apart(self.objective):
            self.sources = SourceMeans(self.args.device)

    @cached_property
    def content_hashes(self) -> dict[str, Any]:
        """Of data, tokenizer, model and code."""
        return fingerprint.content_hashes(self)

    @property
    def tokens_seen(self) -> int:
        """Tokens of the whole run, over all resumes and processes, without padding."""
        return int(self.state.num_input_tokens_seen)

    @property
    def seconds_this_run(self) -> float:
        """Seconds since the first batch was asked for."""
        return time.monotonic() - self._began

    def get_train_dataloader(self) -> Any:
        """Batches whose order and random draws depend on (seed, epoch, example) alone."""
        return placed_loader(self) if can_place(self) else super().get_train_dataloader()

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        new = [name for name in _OWN_COLUMNS if name not in self._signature_columns]
        self._signature_columns += new

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> Any:
        """The micro-batches of one step, and what the objective counts in them on all processes."""
        if self.tokens_this_run == 0:
            self._began = time.monotonic()
        batches, counts, tokens = read_step(self, epoch_iterator, num_batches, device)
        self.tokens_this_run += tokens
        self.state.num_input_tokens_seen += tokens  # kept in checkpoints
        if self.state.global_step + 1 not in self.watch.skipped:
            self.terms.count(counts)
            self.to_prepare = batches
        return batches, counts

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log with each term's own loss, and the tokens seen so far without padding, of replay by itself."""
        parts = part_figures(self) if "loss" in logs else {}
        replayed = self.replay.seen() if self.replay is not None else {}
        super().log({**logs, **parts, **replayed, "tokens": self.tokens_seen}, start_time)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The batch's part of its step's loss, or its own mean where no step's counts are given."""
        length = labels_of(inputs).shape[-1]
        found, outputs = found_loss(self, model, inputs, num_items_in_batch, return_outputs)
        loss = found.loss
        if num_items_in_batch is not None:
            self.terms.add(found.sums)
            if self.sources is not None and found.predicted is not None and SOURCES in inputs:
                self.sources.note(found.predicted, inputs[SOURCES], length)
            if self.adaptive is not None and found.predicted is not None:
                self.adaptive.add(found.predicted)
            loss = loss * self.accelerator.num_processes  # gradients are averaged over processes
        return (loss, outputs) if return_outputs else loss

    def training_step(
        self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Any:
        """One micro-batch; a loss that is not a number stops the run before it spreads."""
        step = self.state.global_step + 1
        if step in self.watch.skipped:
            return torch.zeros((), device=self.args.device)
        prepare_step(self)
        loss = super().training_step(model, inputs, num_items_in_batch=num_items_in_batch)
        self.watch.add(step, loss)
        return loss

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        """As in `Trainer`, of what is to change in this step."""
        if self.learner is not None:
            step = self.state.global_step
            self.learner.before_step(self.progress_at(step) if self.progress_at else 1.0)
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        """As in `Trainer`; one that is not a number stops the run before it spoils the weights."""
        norm = super()._get_grad_norm(model, grad_norm)
        if self.accelerator.scaler is None:  # fp16's scaler skips such steps by itself
            step = self.state.global_step + 1
            self.watch.require_finite(step, "gradient norm", torch.as_tensor(norm))
        return norm

    def push_to_hub(self, *args: Any, **kwargs: Any) -> Any:
        raise refuse_push(type(self).__name__)
