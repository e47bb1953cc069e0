"""`MaskedLMTrainer` and `CausalLMTrainer`: drop-in for `transformers.Trainer`, with the right loss.

The stock Trainer takes a model's loss as it comes. For most masked-LM classes that is a mean over a
micro-batch, which it then fails to divide by the accumulation steps; and it averages evaluation losses
over batches instead of tokens. Here the loss is the sum over all tokens predicted in an optimiser
step, on all micro-batches and processes, divided by their number.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import Trainer, TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import EvalLoopOutput, get_last_checkpoint

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.batch_loss import summed_loss
from mlm_pretrain.modeling.attention.choosing import is_decided, leave_unpacked, method_of
from mlm_pretrain.modeling.attention.inputs import packed_inputs
from mlm_pretrain.modeling.compilation import uncompiled
from mlm_pretrain.modeling.packing_proof import prove_packable
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import OBJECTIVES, Objective
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.allocation import keep_freed_memory
from mlm_pretrain.training.batches import (
    computes_layers_again,
    has_segments,
    label_padding_collator,
    labels_of,
    makes_own_batches,
    real_tokens,
    refuse_other_losses,
)
from mlm_pretrain.training.evaluation import token_weighted_metrics
from mlm_pretrain.training.placement import EpochCallback, PlacedDataset, PlacedSampler, placed

_OWN_COLUMNS = ("labels", "segment_lengths", "segment_final", "epoch", "example")


class TokenTrainer(Trainer):
    """What both trainers share; `objective` says what is predicted.

    Args:
        model, args, train_dataset, eval_dataset, …: as for `transformers.Trainer`.
        processing_class: the tokenizer; needed where examples have no `labels`, since batches are then
            made by the objective's own collator.
        objective_config: settings of the objective (`MaskedConfig` for masked tokens).

    Examples hold `input_ids` and may hold `attention_mask`, `labels`, and for packed rows
    `segment_lengths` (and `segment_final`), as `PackedDataset` gives them.
    """

    objective: Objective

    def __init__(
        self,
        model: torch.nn.Module | None = None,
        args: Any = None,
        data_collator: Any = None,
        train_dataset: Any = None,
        eval_dataset: Any = None,
        processing_class: Any = None,
        objective_config: Any = None,
        **kwargs: Any,
    ) -> None:
        self._places = data_collator is None and makes_own_batches(train_dataset, eval_dataset)
        seed = args.data_seed if args is not None and args.data_seed is not None else None
        self._order_seed = seed if seed is not None else (args.seed if args is not None else 42)
        if self._places:
            data_collator = self._own_collator(processing_class, objective_config)
            train_dataset, eval_dataset = placed(train_dataset), placed(eval_dataset)
        elif data_collator is None and processing_class is not None:
            data_collator = label_padding_collator(processing_class)
        super().__init__(
            model=model, args=args, data_collator=data_collator, train_dataset=train_dataset,
            eval_dataset=eval_dataset, processing_class=processing_class, **kwargs,
        )  # fmt: skip
        # The loss below is already divided by the global count.
        self.model_accepts_loss_kwargs = True
        self.args._n_gpu = min(self.args.n_gpu, 1)  # one process a GPU: start several with torchrun
        self._train_batch_size = self.args.train_batch_size  # was counted for all GPUs
        refuse_other_losses(self)
        self.tokens_this_run = 0
        self._began = time.monotonic()
        with uncompiled():
            if self._places:
                self._prove_packable(is_needed=has_segments(train_dataset, eval_dataset))
            self.head = plan_head(self.model)
        if computes_layers_again(self.args):  # its hooks would be gone then
            self.head = self.head._replace(trimming=None)
        keep_freed_memory()

    def _prove_packable(self, is_needed: bool) -> None:
        """On the device and in the precision that training uses, where nobody has before.

        Rows of one document each gain from it too, but do without where the model cannot.
        """
        given = self.model.config._attn_implementation
        device = next(self.model.parameters()).device
        if device.type == "cpu" and is_decided(self.model):
            return
        ids = self.data_collator.vocabulary.ordinary_ids
        method = method_of(self.model) if is_decided(self.model) else None
        with torch.autocast(
            device.type, torch.bfloat16, enabled=self.args.bf16 and device.type != "cpu"
        ):
            try:
                prove_packable(self.model, ids, self.objective.is_causal, method)
            except InputError:
                if is_needed:
                    raise
                leave_unpacked(self.model, given)

    @property
    def tokens_seen(self) -> int:
        """Tokens of the whole run, over all resumes and processes, without padding."""
        return int(self.state.num_input_tokens_seen)

    @property
    def seconds_this_run(self) -> float:
        """Seconds since the first batch was asked for."""
        return time.monotonic() - self._began

    def restore(self, checkpoint: Path) -> None:
        """Weights and state of `checkpoint`, without a step of training."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))

    def _own_collator(self, tokenizer: Any, config: Any) -> Any:
        if tokenizer is None:
            raise InputError(
                f"{type(self).__name__}: examples without labels need a tokenizer to make them",
                "pass processing_class=tokenizer",
            )
        settings = config if config is not None else self.objective.config()
        return self.objective.collator(read_vocabulary(tokenizer), settings, self._order_seed)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset = train_dataset if train_dataset is not None else self.train_dataset
        if not isinstance(dataset, PlacedDataset):
            return super()._get_train_sampler(train_dataset)
        sampler = PlacedSampler(len(dataset), self._order_seed)
        self.add_callback(EpochCallback(sampler))
        return sampler

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        new = [name for name in _OWN_COLUMNS if name not in self._signature_columns]
        self._signature_columns += new

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], torch.Tensor | int | None]:
        """The micro-batches of one step, and the tokens predicted in them on all processes."""
        if self.tokens_this_run == 0:
            self._began = time.monotonic()
        batches = list(itertools.islice(epoch_iterator, num_batches))
        predicted = [
            len(self.objective.predicted_positions(labels_of(batch))[0]) for batch in batches
        ]
        seen = [real_tokens(batch) for batch in batches]
        counts = torch.tensor([sum(predicted), sum(seen)], device=device)
        if self.args.world_size > 1:
            counts = self.accelerator.reduce(counts, "sum")
        self.tokens_this_run += int(counts[1])
        self.state.num_input_tokens_seen += int(counts[1])  # kept in checkpoints
        return batches, counts[0].clamp_min(1)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log with the tokens seen so far, padding not counted."""
        super().log({**logs, "tokens": self.tokens_seen}, start_time)

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The summed loss of these tokens over the step's token count (or this batch's own)."""
        labels_of(inputs)
        total, predicted, outputs = summed_loss(
            self.accelerator.unwrap_model(model), inputs, self.objective, wrapped=model,
            head=self.head._replace(is_plain=self.head.is_plain and not return_outputs),
        )  # fmt: skip
        loss = total / (num_items_in_batch if num_items_in_batch is not None else max(predicted, 1))
        if num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # gradients are averaged over processes
        return (loss, outputs) if return_outputs else loss

    def training_step(
        self, model: torch.nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Any:
        """One micro-batch; a loss that is not a number stops the run before it spreads."""
        loss = super().training_step(model, inputs, num_items_in_batch=num_items_in_batch)
        self._require_finite("loss", loss)
        return loss

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        """As in `Trainer`; one that is not a number stops the run before it spoils the weights."""
        norm = super()._get_grad_norm(model, grad_norm)
        if self.accelerator.scaler is None:  # fp16's scaler skips such steps by itself
            self._require_finite("gradient norm", torch.as_tensor(norm))
        return norm

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """As in `Trainer`; a full disk is said plainly, and the checkpoints before stay."""
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(
                f"step {self.state.global_step}: its checkpoint cannot be written ({reason})",
                f"make room in {self.args.output_dir} and resume from the checkpoint before",
            ) from error

    def _require_finite(self, name: str, value: torch.Tensor) -> None:
        if torch.isfinite(value):
            return
        saved = get_last_checkpoint(self.args.output_dir)
        raise InputError(
            f"step {self.state.global_step + 1}: the {name} is {value.item()}",
            f"lower the learning rate; the last checkpoint from before is {saved or 'none'}",
        )

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """As in `Trainer`, but the loss is weighted by tokens, and perplexity stands beside it.

        Without `compute_metrics` no scores are kept at all; with it they are dense, (N, L, V).
        """
        metrics = token_weighted_metrics(self, dataloader, metric_key_prefix)
        if prediction_loss_only:
            return EvalLoopOutput(None, None, metrics, self.num_examples(dataloader))
        dense = super().evaluation_loop(
            dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
        )
        return dense._replace(metrics={**dense.metrics, **metrics})

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Any, Any, Any]:
        """Dense scores (B, L, V) and labels (B, L) of one batch, aligned with its positions."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            loss = self.compute_loss(model, inputs)
            batch = {name: value for name, value in inputs.items() if name != "labels"}
            unwrapped = self.accelerator.unwrap_model(model)
            packed = packed_inputs(unwrapped, batch, self.objective.is_causal)
            logits = model(**packed.arguments)["logits"].float()
        return loss, packed.in_rows(logits, inputs["labels"].shape), inputs["labels"]


class MaskedLMTrainer(TokenTrainer):
    """Masked-token pretraining; `objective_config` is a `MaskedConfig`."""

    objective = OBJECTIVES["mlm"]


class CausalLMTrainer(TokenTrainer):
    """Next-token pretraining."""

    objective = OBJECTIVES["clm"]


TRAINERS: dict[str, type[TokenTrainer]] = {"mlm": MaskedLMTrainer, "clm": CausalLMTrainer}
