"""The order of examples: batches of like length, so that little is padded, which come as they may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch.utils.data import Sampler

_POOL_BATCHES = 50  # sorted together at most
_POOLS = 4  # at least, so that no two epochs have the same batches


class LengthOrder(Sampler[int]):
    """Examples in random pools, sorted within; their batches in random order, the longest of all first.

    `transformers`' sampler, whose pools these are, leaves a pool's batches from the longest to the shortest:
    where a training is a few pools long its last steps are all of short texts. The longest comes first, so
    that memory that does not suffice shows at once.

    Args:
        lengths_N: tokens of each of N examples, at least one.
        rows: of a batch, over micro-batches and processes.
        generator: of which each epoch takes its draws.
    """

    def __init__(self, lengths_N: Sequence[int], rows: int, generator: torch.Generator) -> None:
        self.lengths_N, self.rows, self.generator = lengths_N, rows, generator

    def __len__(self) -> int:
        return len(self.lengths_N)

    def __iter__(self) -> Iterator[int]:
        batches = self._batches()
        # One that is not full stays the last, since the loader cuts every `rows` examples.
        rest = [] if len(batches[-1]) == self.rows else batches.pop()
        order = torch.randperm(len(batches), generator=self.generator).tolist()
        if order:
            longest = max(order, key=lambda i: self.lengths_N[batches[i][0]])
            order.insert(0, order.pop(order.index(longest)))
        return chain(*(batches[i] for i in order), rest)

    def _batches(self) -> list[list[int]]:
        """Each from its longest example to its shortest."""
        count, rows = len(self.lengths_N), self.rows
        drawn = torch.randperm(count, generator=self.generator).tolist()
        pool = max(1, min(count // (rows * _POOLS), _POOL_BATCHES)) * rows
        found = []
        for start in range(0, count, pool):
            together = sorted(drawn[start : start + pool], key=lambda i: -self.lengths_N[i])
            found += [together[i : i + rows] for i in range(0, len(together), rows)]
        return found
