"""The rows of a run in their order of difficulty."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from transformers import AutoTokenizer

from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, row_generator
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.progress import say
from mlm_pretrain.training.curriculum.config import CurriculumConfig
from mlm_pretrain.training.curriculum.scores import MEASURES

_DIGITS = 9  # of a score: another machine's logarithms differ in the last bits
_TIES = 1 << 62  # a place that no example has


@dataclass(frozen=True)
class Curriculum:
    """What a `TokenTrainer` needs to show easy rows first.

    Attributes:
        ranked_R: numbers of the rows, easiest first (hardest first with `reverse`), int64 (R,).
        seconds: that scoring took.
    """

    config: CurriculumConfig
    ranked_R: np.ndarray
    seconds: float = 0.0

    def facts(self) -> dict[str, Any]:
        """What must stay the same when a run is resumed: the target may have moved, the ranks may not."""
        ranks = xxhash.xxh3_128_hexdigest(self.ranked_R.astype("<i8").tobytes())
        return {**self.config.model_dump(mode="json", exclude={"target"}), "ranks": ranks}


def build_curriculum(
    config: CurriculumConfig, data: Any, seed: int, tokenizer: Any = None
) -> Curriculum:
    """Score and rank the rows of `data`, which reads all of them once or twice.

    Args:
        data: a `PackedDataset`, or any map-style dataset whose examples hold `input_ids`.
        seed: of the order of rows that are equally hard.
        tokenizer: that made the rows; compared with the target's, where there is one.

    Raises:
        InputError: when the target is no prepared data, or was prepared with another tokenizer.
    """
    target = _open_target(config.target, tokenizer)
    started = time.perf_counter()
    ranked_R = rank(MEASURES[config.measure](data, target), config.reverse, seed)
    seconds = time.perf_counter() - started
    if process_rank() == 0:
        say(f"curriculum: scored {len(ranked_R):,} rows by {config.measure} in {seconds:.1f} s")
    return Curriculum(config, ranked_R, seconds)


def rank(scores_R: np.ndarray, reverse: bool, seed: int) -> np.ndarray:
    """Rows by rising score, or falling; equal ones shuffled, since neighbours are of one document."""
    rounded_R = np.round(-scores_R if reverse else scores_R, _DIGITS)
    ties_R = row_generator(seed, EVALUATION_EPOCH, _TIES).permutation(len(scores_R))
    return np.lexsort((ties_R, rounded_R))


def _open_target(folder: str | None, tokenizer: Any) -> PackedDataset | None:
    if folder is None:
        return None
    target = PackedDataset(folder, "train")
    own = AutoTokenizer.from_pretrained(target.folder / "tokenizer", trust_remote_code=False)
    if tokenizer is None or own.get_vocab() != tokenizer.get_vocab():
        raise InputError(
            f"{folder}: the curriculum's target was prepared with another tokenizer than the data",
            "prepare it again with the data's: --tokenizer DATA/tokenizer",
        )
    return target
