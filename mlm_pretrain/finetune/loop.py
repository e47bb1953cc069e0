"""The one training loop: what is computed a step, and which epoch is kept.

A `transformers.Trainer` with its own loss. The stock one multiplies the losses and gradients of
BERT's family by accumulation steps × processes; here the loss is the sum over all predictions of
the global batch divided by their number, so dividing the batch differently changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.batching import Collator, Feature, by_length
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.exact_scores import in_fp32, score_layer
from mlm_pretrain.finetune.loss import count_labels, summed_loss, task_logits
from mlm_pretrain.finetune.rates import apply_shares, rate_shares
from mlm_pretrain.finetune.task import Criterion, OnEpoch, Writer
from mlm_pretrain.modeling.attention.choosing import attend_quickly
from mlm_pretrain.modeling.dropout import draw_quickly
from mlm_pretrain.modeling.first_token import for_first_token, plan_first_token
from mlm_pretrain.progress import progress_bar

Scores = dict[str, Any]
_PATIENCE_SECONDS = 3.0  # before a bar is shown for an evaluation


class FinetuneTrainer(Trainer):
    """Trains on `Feature`s with the exact global-batch loss, on one device a process.

    Several GPUs mean torchrun: `DataParallel` would split the loss. So a batch is never multiplied
    by the GPUs there are, which `Trainer.__init__` does with the number it finds.

    Args:
        embedding_rate: share of the learning rate for the embeddings; None: as `layer_decay` has it.
        layer_decay: how the rate falls from layer to layer towards the input (see `rates`).
        criterion: the loss of logits and labels, summed.
    """

    def __init__(
        self,
        *,
        args: TrainingArguments,
        embedding_rate: float | None = None,
        layer_decay: float = 1.0,
        criterion: Criterion = summed_loss,
        **kwargs: Any,
    ) -> None:
        args._n_gpu = min(args.n_gpu, 1)
        self.embedding_rate, self.layer_decay = embedding_rate, layer_decay
        self.criterion = criterion
        super().__init__(args=args, **kwargs)
        if self.args.device.type == "cpu":
            draw_quickly(self.model)
            attend_quickly(self.model)
        self.trimming = plan_first_token(self.model)
        self.last_layer = score_layer(self.model) if self.args.bf16 else None
        self.loss_is_scaled_for_ga = True
        self.remove_callback(PrinterCallback)  # it prints to stdout, which belongs to the result

    def create_optimizer(self, *arguments: Any) -> torch.optim.Optimizer:
        """AdamW as `Trainer` makes it, with embeddings and layers at their own rates."""
        is_new = self.optimizer is None
        optimizer: torch.optim.Optimizer = super().create_optimizer(*arguments)
        if is_new:
            shares = rate_shares(self.model, self.embedding_rate, self.layer_decay)
            apply_shares(optimizer, shares)
        return optimizer

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """This micro-batch's share of the global mean; the shares of a step sum to it."""
        labels, allowed = inputs.pop("labels"), inputs.pop("allowed", None)
        outputs = self.outputs(model, inputs)
        loss = self.criterion(task_logits(outputs, allowed), labels)
        items = count_labels(labels) if num_items_in_batch is None else num_items_in_batch
        # Gradients are averaged over processes, and `items` counts those of all processes.
        loss = loss * self.accelerator.num_processes / items.clamp(min=1)
        if not torch.isfinite(loss):
            raise InputError(
                f"loss is {loss.item()} at step {self.state.global_step + 1}; training stopped",
                "lower learning_rate, or set precision to fp32",
            )
        return (loss, outputs) if return_outputs else loss

    def outputs(self, model: Any, inputs: dict[str, Any]) -> Any:
        """What the model gives, but for what nobody reads."""
        trimming = for_first_token(self.trimming, inputs["input_ids"])
        with trimming, in_fp32(self.last_layer):
            return model(**_alone(inputs))

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        """Labels in the global batch: over micro-batches and processes, whatever the model."""
        counts = [count_labels(batch["labels"]) for batch in batch_samples]
        if not counts:
            return None
        return self.accelerator.gather(torch.stack(counts).sum().to(device)).sum()

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Batches of similar length, in an order fixed by the seed alone."""
        features = self.train_dataset if train_dataset is None else train_dataset
        args = self.args
        rows = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        generator = torch.Generator().manual_seed(args.seed)
        lengths = [len(feature) for feature in features]
        return LengthGroupedSampler(rows, lengths=lengths, generator=generator)


def _alone(inputs: dict[str, Any]) -> dict[str, Any]:
    """Without a decoder's memory of earlier tokens: here it gets all of them at once."""
    return {**inputs, "use_cache": False} if "decoder_input_ids" in inputs else inputs


@torch.no_grad()
def predict(
    trainer: FinetuneTrainer,
    features: Sequence[Feature],
    keep: Callable[[Any, Feature], Any],
    write: Writer | None = None,
) -> tuple[list[Any], float]:
    """What `keep` takes from each feature's logits, in order, and the mean loss a label.

    Processes share the work. `keep(logits, feature)` gets (C,), (L, C) or (2, L) on the CPU, and
    should return little: logits of a whole data set do not fit. With `write` it gets the ids (D,)
    that the model writes instead.
    """
    model, args = trainer.model.eval(), trainer.args
    batches = by_length(features, args.per_device_eval_batch_size)
    mine = batches[args.process_index :: args.world_size]
    found: list[tuple[int, Any]] = []
    total, items = 0.0, 0
    for indices in mine if write is None else _shown(mine, args.process_index):
        rows = [features[index] for index in indices]
        batch = {key: value.to(args.device) for key, value in trainer.data_collator(rows).items()}
        labels, allowed = batch.pop("labels"), batch.pop("allowed", None)
        with torch.autocast(args.device.type, torch.bfloat16, enabled=args.bf16):
            outputs = trainer.outputs(model, batch)
        logits = task_logits(outputs, allowed).float()
        total += trainer.criterion(logits, labels).item()
        items += int(count_labels(labels))
        answers = logits if write is None else write(model, batch)
        for index, row, each in zip(indices, rows, answers.cpu(), strict=True):
            found.append((index, keep(each, row)))
    parts = gather_objects((found, total, items), args.world_size)
    ordered = dict(pair for part in parts for pair in part[0])
    loss = sum(part[1] for part in parts) / max(1, sum(part[2] for part in parts))
    return [ordered[index] for index in range(len(features))], loss


def _shown(batches: Sequence[list[int]], rank: int) -> Iterator[list[int]]:
    """The batches, under a bar in the first process once they take their time."""
    total = sum(len(indices) for indices in batches)
    settings = {"leave": False, "delay": _PATIENCE_SECONDS, "disable": rank != 0}
    with progress_bar(total, "text", "writing", **settings) as bar:
        for indices in batches:
            yield indices
            bar.update(len(indices))


def gather_objects(value: Any, world_size: int) -> list[Any]:
    """`value` of every process, in every process."""
    if world_size == 1:
        return [value]
    parts: list[Any] = [None] * world_size
    torch.distributed.all_gather_object(parts, value)
    return parts


@dataclass
class KeepBest(TrainerCallback):
    """After every epoch: score, keep a copy of the weights that score best, and stop where that is long ago.

    The copy lies in main memory (4 bytes a parameter): writing a checkpoint an epoch takes longer
    than an epoch of a small model. With `only_last` the last epoch alone is scored, and is the best.
    """

    evaluate: Callable[[], tuple[Scores, list[Any]]]  # scores, and the predictions that they are of
    metric: str
    patience: int | None = None  # epochs without a better score; None: all are trained
    tell: OnEpoch | None = None  # about every epoch; what it raises ends the training
    only_last: bool = False
    history: list[Scores] = field(default_factory=list)
    epoch: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    weights: dict[str, Any] = field(default_factory=dict)
    found: tuple[Scores, list[Any]] = field(default_factory=lambda: ({}, []))  # of the best epoch

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.epoch += 1
        if self.only_last and state.global_step < state.max_steps:
            return
        scores, predictions = self.evaluate()
        self.history.append({"epoch": self.epoch, "step": state.global_step, **_numbers(scores)})
        if scores[self.metric] > self.best:
            self.best, self.best_epoch = scores[self.metric], self.epoch
            self.found = scores, predictions
            model = kwargs["model"]
            self.weights = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
        elif self.patience is not None and self.epoch - self.best_epoch >= self.patience:
            control.should_training_stop = True
        if self.tell is not None:
            self.tell(self.history[-1])


def _numbers(scores: Scores) -> Scores:
    return {name: value for name, value in scores.items() if isinstance(value, float | int)}


class ShowProgress(TrainerCallback):
    """A bar over steps on stderr, with the loss, the last score and the time left."""

    def __init__(self, description: str, keeper: KeepBest) -> None:
        self.description, self.keeper = description, keeper
        self.bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.bar = progress_bar(state.max_steps, "step", self.description)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.update(1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if self.bar is not None and logs and "loss" in logs:
            shown = {"loss": f"{logs['loss']:.3f}"}
            if self.keeper.history:
                shown[self.keeper.metric] = f"{self.keeper.history[-1][self.keeper.metric]:.3f}"
            self.bar.set_postfix(shown, refresh=False)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            self.bar.close()


def build_trainer(
    model: Any,
    features: Sequence[Feature],
    collator: Collator,
    config: FinetuneConfig,
    steps: int,
    learning_rate: float,
    embedding_rate: float | None,
    precision: str,
    criterion: Criterion = summed_loss,
) -> FinetuneTrainer:
    """The trainer for `steps` optimizer steps; it writes nothing and prints nothing."""
    on_cpu = not torch.cuda.is_available() and not torch.backends.mps.is_available()
    args = TrainingArguments(
        output_dir=config.out,
        max_steps=steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=2 * config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        learning_rate=learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(config.warmup_share * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_gradient_norm,
        seed=config.seed,
        bf16=precision == "bf16",
        use_cpu=on_cpu,
        eval_strategy="no",
        save_strategy="no",
        logging_steps=max(1, min(10, steps // 20)),
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=False,
    )
    return FinetuneTrainer(
        model=model, args=args, train_dataset=list(features), data_collator=collator,
        embedding_rate=embedding_rate, layer_decay=config.layer_decay, criterion=criterion,
    )  # fmt: skip
