"""In which order did these sentences stand? (Lan et al. 2020, ALBERT; Wang et al. 2020, StructBERT)

Formula: cut the whole sentences of a segment into n parts and put these into a random order π; beside filling
    gaps in the result, minimise −log p(π | state of the segment's first token).
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: an encoder with a masked-LM head, a tokenizer with a mask token and a start token.
Relations: with two parts it is ALBERT's sentence-order prediction, but that no separator tells where they
    meet. What is cut off at a segment's ends stays in place: a text that begins in mid-sentence would give
    the order away. Parts come from one document always. `masked` is its first term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise, permutations
from math import factorial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.objectives.card import Card
from mlm_pretrain.objectives.masked import (
    MaskedCollator,
    MaskedConfig,
    place_of,
    predicted_positions,
)
from mlm_pretrain.objectives.objective import Objective
from mlm_pretrain.objectives.randomness import row_generators
from mlm_pretrain.objectives.rows import (
    padded_length,
    reworked,
    row_ids,
    segment_lengths,
    stack_rows,
)
from mlm_pretrain.objectives.segment_classes import MASKED, class_head, count, loss
from mlm_pretrain.objectives.sentences import text_sentences
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Ids, Vocabulary

ORDER = "order"
_ORDER_STREAM = 0x6F_72_64  # sets these draws apart from those of masks


class OrderConfig(StrictConfig):
    """What is put into another order, and how much that counts.

    Attributes:
        parts: of a segment, to be ordered: 2 is sentence-order prediction; n have n! orders.
        order_weight: of the loss of the order, beside that of the masked tokens.
        language: of the text, for finding its sentences (ISO 639-1).
        masking: of the reordered text.
    """

    parts: int = Field(2, ge=2, le=4)
    order_weight: float = Field(1.0, gt=0)
    language: str = "en"
    masking: MaskedConfig = MaskedConfig()


class OrderCollator:
    """Examples → a masked batch of reordered segments, drawn from (seed, epoch, example).

    Returns what `MaskedCollator` does, and `order_labels` (B, L): at the first token of each segment that was
    long enough, the number of its order among all of them (0: as it was), −100 elsewhere.
    """

    def __init__(self, vocabulary: Vocabulary, config: OrderConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed
        self.masked = MaskedCollator(vocabulary, config.masking, seed)
        self.orders = list(permutations(range(config.parts)))

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        rows = [row_ids(example) for example in examples]
        places = [place_of(*pair) for pair in zip(examples, rows, strict=True)]
        generators = row_generators(self.seed ^ _ORDER_STREAM, places)
        drawn = zip(examples, rows, generators, strict=True)
        made = [self._reordered(*one) for one in drawn]
        shown = [
            reworked(example, place, input_ids=ids_T)
            for example, (ids_T, _), place in zip(examples, made, places, strict=True)
        ]
        batch = self.masked(shown)
        labels = stack_rows([labels_T for _, labels_T in made], padded_length(rows), IGNORED)
        return {**batch, "order_labels": torch.from_numpy(labels)}

    def _reordered(
        self, example: Mapping[str, Any], ids_T: Ids, rng: np.random.Generator
    ) -> tuple[Ids, Ids]:
        """(ids, order labels) of a row."""
        seen_T, labels_T = ids_T.copy(), np.full_like(ids_T, IGNORED)
        first = 0
        for length in segment_lengths(example, len(ids_T)).tolist():
            # As many numbers for each segment, so that one does not depend on what another held.
            order, cuts = int(rng.integers(len(self.orders))), rng.random(self.config.parts - 1)
            segment = slice(first, first + length)
            borders = self._borders(ids_T[segment], cuts)
            if borders is not None:
                parts = [ids_T[segment][a:b] for a, b in pairwise(borders)]
                whole = np.concatenate([parts[place] for place in self.orders[order]])
                seen_T[first + borders[0] : first + borders[-1]] = whole
                labels_T[first] = order
            first += length
        return seen_T, labels_T

    def _borders(self, ids_T: Ids, cuts: NDArray[np.float64]) -> list[int] | None:
        """Where the parts of a segment begin, and the last one ends; None where it has too few sentences.

        Args:
            cuts: numbers in [0, 1) that choose among the borders of sentences.
        """
        starts_S, _ = text_sentences(ids_T, self.vocabulary, self.config.language)
        inner = starts_S[1:].tolist()  # before the first, behind the last of them may be fragments
        if len(inner) < self.config.parts + 1:
            return None
        middle = inner[1:-1]
        taken: list[int] = []
        for cut in cuts.tolist():
            taken.append(middle.pop(int(cut * len(middle))))
        return [inner[0], *sorted(taken), inner[-1]]


def heads(model: Any, _vocabulary: Vocabulary, config: OrderConfig) -> torch.nn.Module:
    """The scores of a segment's n! orders."""
    return class_head(model, ORDER, factorial(config.parts))


def weights(config: OrderConfig) -> dict[str, float]:
    return {MASKED: 1.0, ORDER: config.order_weight}


OBJECTIVE = Objective(
    name="order", auto_class="AutoModelForMaskedLM", is_causal=False, config=OrderConfig,
    collator=OrderCollator, predicted_positions=predicted_positions, count=count, loss=loss,
    weights=weights, terms=(MASKED, ORDER), serves=("mlm",), heads=heads, exported_heads=("order.",),
    card=Card("masked-token and sentence-order prediction"),
)  # fmt: skip
