"""Every example knows its place, (epoch, example), so that masks need no generator state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import Dataset, Sampler
from transformers import TrainerCallback

from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, epoch_permutation

Place = tuple[int, int]


class PlacedDataset(Dataset):
    """Any map-style dataset, whose examples also carry `epoch` and `example`.

    Asked with a plain index it gives the place of evaluation, where masks are fixed.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: Place | int) -> dict[str, Any]:
        epoch, index = place if isinstance(place, tuple) else (EVALUATION_EPOCH, place)
        return {**self.dataset[index], "epoch": epoch, "example": index}


def placed(dataset: Any) -> Any:
    """Places for a dataset, or for each in a dict of them."""
    if isinstance(dataset, dict):
        return {name: PlacedDataset(part) for name, part in dataset.items()}
    return dataset if dataset is None else PlacedDataset(dataset)


class PlacedSampler(Sampler[Place]):
    """All examples in an order that depends on (seed, epoch) alone, each with its place."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Place]:
        for index in epoch_permutation(self.seed, self.epoch, self.size):
            yield self.epoch, int(index)


class EpochCallback(TrainerCallback):
    """Tells the sampler which epoch begins.

    Loaders pass `set_epoch` on, but not through the two wrappers, for the skipped batches and for the
    processes, that stand between when a run on several processes resumes within an epoch.
    """

    def __init__(self, sampler: PlacedSampler) -> None:
        self.sampler = sampler

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.sampler.set_epoch(int(state.epoch or 0))
