"""Keys of earlier texts as further negatives, from an encoder that follows slowly (He et al. 2020, MoCo).

Formula: after each step θ_key ← m · θ_key + (1 − m) · θ; the step's keys take the places of the oldest.

K: keys that the bank holds. N: keys of a step. H: width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class Bank(NamedTuple):
    """A ring of keys.

    Attributes:
        keys_KH: the keys.
        written_K: the step after which each was written, −1 where none was yet.
        next_place: where the next one goes, a number in a tensor.
    """

    keys_KH: torch.Tensor
    written_K: torch.Tensor
    next_place: torch.Tensor

    @property
    def filled(self) -> torch.Tensor:
        """The keys that have been written, in their places."""
        return self.keys_KH[self.written_K >= 0]


def empty_bank(size: int, width: int) -> Bank:
    return Bank(
        torch.zeros(size, width), torch.full((size,), -1), torch.zeros((), dtype=torch.int64)
    )


def enqueued(bank: Bank, keys_NH: torch.Tensor, step: int) -> Bank:
    """The bank after `keys_NH` were written into it, the first one first; of too many the last ones stay."""
    size = len(bank.written_K)
    numbers_N = torch.arange(len(keys_NH), device=keys_NH.device)[-size:]
    places_N = (bank.next_place + numbers_N) % size
    keys_KH, written_K = bank.keys_KH.clone(), bank.written_K.clone()
    keys_KH[places_N], written_K[places_N] = keys_NH[numbers_N], step
    return Bank(keys_KH, written_K, (bank.next_place + len(keys_NH)) % size)


def staleness(written_K: torch.Tensor, step: int) -> float:
    """The mean age of the keys in steps; 0 while there are none."""
    found = written_K[written_K >= 0]
    return float((step - found).double().mean()) if len(found) else 0.0


@torch.no_grad()
def follow(follower: torch.nn.Module, leader: torch.nn.Module, momentum: float) -> None:
    """Move the follower's parameters towards the leader's; with a momentum of 0 onto them."""
    for own, other in zip(follower.parameters(), leader.parameters(), strict=True):
        own.mul_(momentum).add_(other, alpha=1 - momentum)
