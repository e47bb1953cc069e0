"""Examples → a batch that holds the batch of each part, and which rows each of them learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mlm_pretrain.objectives.masked import place_of
from mlm_pretrain.objectives.objective import Batch
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.rows import row_ids
from mlm_pretrain.objectives.together.config import Member, TogetherConfig
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Vocabulary

PROGRESS = "progress"
# Labels, too: a row that only keeps a process in step belongs to no part.
PART_LABELS, EVERY = "part_labels", -1
_PART_STREAM = 0x70_61_72_74  # sets these draws apart from those of masks
_OF_ROWS = ("input_ids", "labels", "attention_mask", "segment_ids", "position_ids", "is_causal")


class TogetherCollator:
    """Examples → one batch for all parts, drawn from (seed, epoch, example, progress).

    Returns a dict of tensors: what each part's own collator makes of the examples, as "PART/name", but of
    the first part the ids, labels and layout under their plain names, for whoever counts tokens;
    `part_labels` (B), the number of the part that learns from the row, or −1 where all do; and `progress`
    (B), the share of the run done.

    Attributes:
        masked: what draws the masks that follow a part's losses (see `masking.adaptive`), if any does.
    """

    def __init__(self, vocabulary: Vocabulary, config: TogetherConfig, seed: int) -> None:
        self.vocabulary, self.seed = vocabulary, seed
        self.parts, self.together = config.parts, config.together
        self.collators = {
            member.name: member.objective.collator(vocabulary, member.config, seed)
            for member in config.members
        }
        following = [self.collators[member.name] for member in config.members if follows(member)]
        self.masked = next((getattr(one, "masked", one) for one in following), None)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        batch: dict[str, torch.Tensor] = {}
        for number, (part, collator) in enumerate(self.collators.items()):
            plain = _OF_ROWS if number == 0 else ()
            own = collator(examples)
            batch |= {n if n in plain else f"{part}/{n}": value for n, value in own.items()}
        # Where no run goes on, as at its end, like the weights of a validation.
        progress = [float(example.get("progress", 1.0)) for example in examples]
        batch[PROGRESS] = torch.tensor(progress, dtype=torch.float32)
        return {**batch, PART_LABELS: torch.from_numpy(self._parts(examples, progress))}

    def _parts(
        self, examples: Sequence[Mapping[str, Any]], progress: Sequence[float]
    ) -> np.ndarray:
        """Number of the part that each row (B) goes to."""
        if self.together == "sum":
            return np.full(len(examples), EVERY)
        places = [place_of(example, row_ids(example)) for example in examples]
        generators = row_generators(self.seed ^ _PART_STREAM, places)
        parts_B = np.zeros(len(examples), np.int64)
        for row, (rng, done) in enumerate(zip(generators, progress, strict=True)):
            borders_P = np.cumsum([part.weight_at(done) for part in self.parts])
            parts_B[row] = np.searchsorted(borders_P[:-1], rng.random() * borders_P[-1], "right")
        return parts_B


def follows(member: Member) -> bool:
    """Whether a part's masks follow its losses."""
    masking = getattr(member.config, "masking", member.config)
    return bool(getattr(masking, "adaptive", 0.0))


def batch_of(batch: Batch, number: int, name: str) -> dict[str, torch.Tensor]:
    """The rows of the batch that the part `name`, the `number`-th, learns from; there may be none."""
    labels_B = batch[PART_LABELS]
    rows_N = torch.nonzero((labels_B == number) | (labels_B == EVERY)).flatten()
    return {key: value[rows_N] for key, value in _of_part(batch, number, name).items()}


def never_empty(
    own: dict[str, torch.Tensor], batch: Batch, number: int, name: str
) -> dict[str, torch.Tensor]:
    """`own`, of the part `name`, the `number`-th, or where it has no rows one without labels.

    So every weight gets a gradient, if of zeros, in every micro-batch of every process: processes wait for
    each other's, and an optimiser goes on where there is one and not where there is none.
    """
    if len(own["labels"]):
        return own
    first = {key: value[:1] for key, value in _of_part(batch, number, name).items()}
    blank = {k: torch.full_like(v, IGNORED) for k, v in first.items() if k.endswith("labels")}
    return {**first, **blank}


def _of_part(batch: Batch, number: int, name: str) -> dict[str, torch.Tensor]:
    """What the part's collator made, of all rows."""
    prefix = f"{name}/"
    plain = _OF_ROWS if number == 0 else ()
    own = {key: batch[key] for key in plain if key in batch}
    return own | {k.removeprefix(prefix): v for k, v in batch.items() if k.startswith(prefix)}
