"""The loader of a `TokenTrainer`: every example at its place, dealt out among the processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset
from transformers import Trainer
from transformers.trainer_utils import has_length

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.progress import say
from mlm_pretrain.training.checkpoints.generators import drawing_from
from mlm_pretrain.training.curriculum.order import paced_order
from mlm_pretrain.training.placement import DealtBatches, PlacedCollator, PlacedDataset, shuffled
from mlm_pretrain.training.replay.reading import JoinedRows

_ORDER_PART = 3
_DEFAULT_SEED = 42  # of TrainingArguments
_MADE_AHEAD = 2  # batches a process of torch's loaders


def order_seed(args: Any) -> int:
    """The seed of order and masks: that of the data where there is one."""
    if args is None:
        return _DEFAULT_SEED
    return int(args.seed if args.data_seed is None else args.data_seed)


def own_collator(trainer: Any, tokenizer: Any, config: Any) -> Any:
    """The objective's collator, which needs a tokenizer."""
    if tokenizer is None:
        raise InputError(
            f"{type(trainer).__name__}: examples without labels need a tokenizer to make them",
            "pass processing_class=tokenizer",
        )
    return trainer.objective.collator(read_vocabulary(tokenizer), config, trainer.order_seed)


def can_place(trainer: Any) -> bool:
    """Whether the training examples have numbers, and one loader can deal them out.

    A stream's have none; `batch_rebalance` deals out whole batches by itself.
    """
    dataset = trainer.train_dataset
    if isinstance(dataset, IterableDataset) or not has_length(dataset):
        is_placed = False
    else:
        is_placed = trainer.args.train_sampling_strategy != "batch_rebalance"
    if not is_placed and trainer.curriculum is not None:
        raise _unordered(trainer)
    if not is_placed and trainer.replay is not None:
        raise InputError(
            f"{type(trainer).__name__}: rows of other text are mixed in at places of an epoch",
            "give a train_dataset with a length, and leave the sampler as it is",
        )
    return is_placed


def placed_loader(trainer: Any) -> DataLoader:
    """This process's batches of the training set.

    Not prepared by accelerate, which repeats examples to even out the shares of the processes.
    """
    args = trainer.args
    dataset, collator = _without_unused_columns(trainer)
    batches = DealtBatches(
        order_of(trainer), len(dataset), args.train_batch_size, args.world_size,
        args.process_index, args.dataloader_drop_last,
    )  # fmt: skip
    batches.first_epoch = trainer.first_epoch
    if trainer.replay is not None:
        dataset = _mixed(trainer, batches, dataset)
    batches.progress = _progress(trainer, len(batches))
    if trainer.curriculum is not None:
        batches.order, batches.repeats = _paced(trainer, batches), True
    trainer.placed_batches = batches
    workers = _workers(trainer)
    collate: Any = PlacedCollator(collator, trainer.order_seed, trainer.makes_batches)
    if trainer.adaptive is not None:  # masked when their step begins, see there
        trainer.late_collator, collate = collate, list
    return DataLoader(
        PlacedDataset(dataset, trainer.order_seed, trainer.objective.needs_partner),
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=args.dataloader_pin_memory,
        persistent_workers=args.dataloader_persistent_workers,
        prefetch_factor=args.dataloader_prefetch_factor if workers else None,
        multiprocessing_context=args.dataloader_multiprocessing_context if workers else None,
        generator=torch.Generator().manual_seed(trainer.order_seed),  # leaves the global one alone
    )


def _workers(trainer: Any) -> int:
    """Processes that make batches: fewer where they would run ahead of what is still to be decided."""
    args = trainer.args
    workers = int(args.dataloader_num_workers)
    if trainer.replay is None or not trainer.replay.may_change:
        return workers
    ahead = args.dataloader_prefetch_factor or _MADE_AHEAD
    most = trainer.replay.most_workers(args.gradient_accumulation_steps, ahead)
    if workers > most and args.process_index == 0:
        say(f"workers: {most} in place of {workers}, since the share of replay may change")
    return min(workers, most)


def _mixed(trainer: Any, batches: DealtBatches, dataset: Any) -> JoinedRows:
    """The rows of both texts; `batches` then deal out both."""
    replay = trainer.replay
    a_step = batches.rows * batches.processes * trainer.args.gradient_accumulation_steps
    batches.mixture = replay.mixture(
        batches.order, len(dataset), trainer.order_seed, a_step, trainer.first_epoch
    )
    batches.size = batches.mixture.places
    return JoinedRows(dataset, replay.data)


def _progress(trainer: Any, rounds: int) -> Callable[[int, int], float]:
    """(epoch, number of a round in it) → share of the run done before the round's step."""
    args = trainer.args
    steps_an_epoch = math.ceil(rounds / args.gradient_accumulation_steps)
    steps = args.max_steps if args.max_steps > 0 else args.num_train_epochs * steps_an_epoch

    def progress(epoch: int, number: int) -> float:
        step = epoch * steps_an_epoch + number // args.gradient_accumulation_steps
        return trainer.progress_at(step) if trainer.progress_at else min(1.0, step / steps)

    return progress


def _without_unused_columns(trainer: Any) -> tuple[Any, Any]:
    """Dataset and collator, of which one leaves out what no model takes."""
    dataset, collator = trainer.train_dataset, trainer.data_collator
    if hasattr(dataset, "column_names") and hasattr(dataset, "remove_columns"):
        return trainer._remove_unused_columns(dataset, description="Training"), collator
    return dataset, trainer._get_collator_with_removed_columns(collator, description="Training")


def order_of(trainer: Any) -> Callable[[int], Sequence[int]]:
    """Epoch → indices: shuffled, or as the sampler says that the settings or a subclass ask for."""
    dataset, seed = trainer.train_dataset, trainer.order_seed
    if _is_shuffled(trainer):
        return shuffled(seed, len(dataset))

    def order(epoch: int) -> Sequence[int]:
        with drawing_from(seed, epoch, _ORDER_PART):
            sampler = trainer._get_train_sampler(dataset)
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(epoch)
            return list(sampler)

    return order


def _is_shuffled(trainer: Any) -> bool:
    is_stock = type(trainer)._get_train_sampler is Trainer._get_train_sampler
    return is_stock and trainer.args.train_sampling_strategy == "random"


def _paced(trainer: Any, batches: DealtBatches) -> Callable[[int], Sequence[int]]:
    """Epoch → indices as the trainer's curriculum draws them, the same on any number of processes."""
    if not _is_shuffled(trainer) or len(trainer.curriculum.ranked_R) != batches.size:
        raise _unordered(trainer)
    a_round = batches.rows * batches.processes
    return paced_order(
        trainer.curriculum, batches.order, trainer.order_seed,
        a_round * trainer.args.gradient_accumulation_steps,
        lambda epoch, place: batches.progress(epoch - batches.first_epoch, place // a_round),
    )  # fmt: skip


def _unordered(trainer: Any) -> InputError:
    return InputError(
        f"{type(trainer).__name__}: a curriculum ranks the very rows that are trained on, and orders them "
        "itself",
        "build it from train_dataset, which must have a length, and leave the sampler as it is",
    )
