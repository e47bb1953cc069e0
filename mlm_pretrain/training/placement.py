"""Every example knows its place, (epoch, example): masks and order need no generator that could be lost.

The order of an epoch follows from (seed, epoch). It is cut into rounds of one batch for each process and
dealt out, so that with as many rows a step, any number of processes sees the same rows in the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, epoch_permutation
from mlm_pretrain.objectives.rows import PARTNER
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.checkpoints.generators import drawing_from
from mlm_pretrain.training.partners import drawn_partner, require_documents
from mlm_pretrain.training.replay.mixing import Mixture
from mlm_pretrain.training.replay.reading import IS_REPLAY, SOURCES, JoinedRows, sources_of

WEIGHTLESS, PROGRESS = "weightless", "progress"
_ANEW = 1 << 32  # no run has so many epochs
_ROW_PART, _BATCH_PART = 1, 2  # draws of a dataset and of a collator for the same place differ


class Place(NamedTuple):
    """Where an example comes.

    Attributes:
        weightless: only keeps a process without rows in step.
        progress: share of the run that is done when it comes.
    """

    epoch: int
    example: int
    weightless: bool = False
    progress: float = 0.0


class PlacedDataset(Dataset):
    """Any map-style dataset, whose examples also carry `epoch`, `example` and `progress`.

    Asked with a plain index it gives the place of evaluation, where masks are fixed and no run goes on. A
    dataset that draws random numbers draws them from (seed, place).

    Args:
        has_partners: each example also carries another row (see `Objective.needs_partner`).
    """

    def __init__(self, dataset: Any, seed: int = 0, has_partners: bool = False) -> None:
        if has_partners:
            require_documents(dataset)
        self.dataset, self.seed, self.has_partners = dataset, seed, has_partners
        self._may_draw = not isinstance(getattr(dataset, "own", dataset), PackedDataset)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: Place | int) -> dict[str, Any]:
        at = place if isinstance(place, Place) else Place(EVALUATION_EPOCH, place)
        example = {**self.dataset[at.example], "epoch": at.epoch, "example": at.example}
        if isinstance(place, Place):
            example[PROGRESS] = place.progress
        if self.has_partners:
            joined = isinstance(self.dataset, JoinedRows)
            same_text = self.dataset.part(at.example)[0] if joined else self.dataset
            example[PARTNER] = drawn_partner(same_text, self.seed, example)
        return {**example, WEIGHTLESS: True} if at.weightless else example

    def __getitems__(self, places: Sequence[Place | int]) -> list[dict[str, Any]]:
        first = places[0]
        if not self._may_draw or not isinstance(first, Place):
            return [self[place] for place in places]
        with drawing_from(self.seed, first.epoch, 4 * first.example + _ROW_PART):
            return [self[place] for place in places]


def placed(dataset: Any, seed: int = 0, has_partners: bool = False) -> Any:
    """Places for a dataset, or for each in a dict of them."""
    if isinstance(dataset, dict):
        return {name: PlacedDataset(part, seed, has_partners) for name, part in dataset.items()}
    return dataset if dataset is None else PlacedDataset(dataset, seed, has_partners)


class PlacedCollator:
    """A collator that gives the same batch whenever and in whichever process it makes it.

    Args:
        collator: the objective's own, which draws from the places; or any other, which then draws
            from (seed, place of the first example) and does not see the places.
    """

    def __init__(self, collator: Any, seed: int, draws_from_places: bool) -> None:
        self.collator, self.seed = collator, seed
        self._draws_from_places = draws_from_places

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        first = examples[0]
        if self._draws_from_places:
            batch = self.collator(examples)
        else:
            added = ("epoch", "example", PROGRESS, WEIGHTLESS, IS_REPLAY)
            plain = [{k: v for k, v in e.items() if k not in added} for e in examples]
            with drawing_from(self.seed, first["epoch"], 4 * first["example"] + _BATCH_PART):
                batch = self.collator(plain)
        if IS_REPLAY in first:
            batch[SOURCES] = sources_of([] if WEIGHTLESS in first else examples)
        if WEIGHTLESS in first:
            blank = {
                k: torch.full_like(v, IGNORED) for k, v in batch.items() if k.endswith("labels")
            }
            return {**batch, **blank}
        return batch


def shuffled(seed: int, size: int) -> Callable[[int], Sequence[int]]:
    """All examples in an order that depends on (seed, epoch) alone."""
    return lambda epoch: epoch_permutation(seed, epoch, size).tolist()


class DealtBatches(Sampler[list[Place]]):
    """The batches of one process: rounds of `rows` for each of `processes`, dealt out in turn.

    Every example comes once an epoch, to one process. The last round may be small: it is shared evenly,
    and a process that gets nothing of it gets a weightless example.

    Args:
        order: epoch → indices of that epoch's examples.
        size: how many there are.
        drop_last: leave out a last round that is not full.
        progress: (epoch, number of the round in it) → share of the run done by then; None: always 0.

    Attributes:
        repeats: rows come several times an epoch, and are to be masked anew each time.
        first_epoch: what the first epoch counts as in orders and places: draws of a run that goes on from
            another must not be the other's.
        mixture: the order, where rows of other text are among them.
    """

    def __init__(
        self, order: Callable[[int], Sequence[int]], size: int, rows: int, processes: int = 1,
        process: int = 0, drop_last: bool = False,
        progress: Callable[[int, int], float] | None = None,
    ) -> None:  # fmt: skip
        self.order, self.size, self.rows = order, size, rows
        self.processes, self.process, self.drop_last = processes, process, drop_last
        self.progress = progress or (lambda epoch, number: 0.0)
        self.epoch, self.repeats, self.first_epoch = 0, False, 0
        self.mixture: Mixture | None = None

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        a_round = self.rows * self.processes
        return self.size // a_round if self.drop_last else -(-self.size // a_round)

    def __iter__(self) -> Iterator[list[Place]]:
        a_round, placed = self.rows * self.processes, self._placed()
        for number in range(len(self)):
            dealt = placed(slice(number * a_round, (number + 1) * a_round))
            mine, done = self._share(dealt), self.progress(self.epoch, number)
            yield [Place(*known, progress=done) for known in mine] or [
                Place(*dealt[0], weightless=True, progress=done)
            ]

    def _placed(self) -> Callable[[slice], Sequence[tuple[int, int]]]:
        """A part of the epoch → (epoch, example) of each of its places."""
        if self.mixture is not None:
            return self.mixture.epoch(self.epoch)
        counted = self.first_epoch + self.epoch
        order = self.order(counted)
        epochs = epochs_apart(counted, order) if self.repeats else [counted] * len(order)
        return lambda part: [
            (epoch, int(i)) for epoch, i in zip(epochs[part], order[part], strict=True)
        ]

    def _share(self, dealt: Sequence[tuple[int, int]]) -> Sequence[tuple[int, int]]:
        """This process's part of a round; parts differ by one row at most."""
        small, larger = divmod(len(dealt), self.processes)
        start = self.process * small + min(self.process, larger)
        return dealt[start : start + small + (self.process < larger)]


def epochs_apart(epoch: int, order: Sequence[int]) -> list[int]:
    """A number in place of `epoch` for each row of `order`, another each time that a row comes again."""
    order_R = np.asarray(order)
    by_row_R = np.argsort(order_R, kind="stable")
    at_R = np.arange(len(order_R))
    is_first_R = np.diff(order_R[by_row_R], prepend=-1) != 0
    times_R = np.empty_like(at_R)
    times_R[by_row_R] = at_R - np.maximum.accumulate(np.where(is_first_R, at_R, 0))
    return [epoch + _ANEW * int(times) for times in times_R]
