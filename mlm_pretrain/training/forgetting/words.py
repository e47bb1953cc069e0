"""A loss that compares across tokenizers: bits for each byte of words that are hidden whole.

Tokens were added to a vocabulary: the same text has fewer of them, each harder to tell, so that nats a token
say nothing beside those of the model before. And a token that is hidden alone is told by the pieces of its
word beside it, of which the old tokenizer leaves more. Here the same words are hidden in both, with all their
pieces, and what it costs to tell them is spread over their bytes. Where the old tokenizer has several pieces
these are told independently of each other, and their number is seen: a bound on what the old model knows, as
in any masked model. A model that continues text tells each token from all before it, which adds up to the
text's probability under any tokenizer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from mlm_pretrain.evaluation.passes import summed_loss
from mlm_pretrain.evaluation.perplexity import EVALUATION_MASK_RATIO, autocast_for
from mlm_pretrain.evaluation.texts import EvaluationRows
from mlm_pretrain.modeling.sparse_head import plan_head
from mlm_pretrain.objectives import Objective
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH, row_generator
from mlm_pretrain.objectives.rows import layout, padded_length, row_ids, segment_lengths, stack_rows
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Flags, Ids, Vocabulary
from mlm_pretrain.precision import Precision, product_dtype

_WORD_STREAM = 0x77_6F_72_64  # sets these draws apart from those of masks


class Hidden(NamedTuple):
    """A segment's ids (T), and which of them are hidden."""

    ids_T: Ids
    is_hidden_T: Flags


@dataclass
class HiddenWords:
    """Segments of a text, with the same words hidden whatever tokenizer reads them.

    Attributes:
        segments: as the new tokenizer has them.
        pieces: of each token that was added, the ids that the old tokenizer has for it.
        bytes: of the hidden words.
    """

    segments: list[Hidden]
    pieces: Mapping[int, Sequence[int]]
    bytes: int
    objective: Objective
    vocabulary: Vocabulary

    def bits(self, model: Any, is_old: bool, precision: Precision, batch_size: int) -> float | None:
        """Bits for each hidden byte; None where nothing is hidden.

        Args:
            is_old: whether `model` has the old vocabulary.
        """
        found = [self._in_pieces(one) for one in self.segments] if is_old else self.segments
        head = plan_head(model, product_dtype(precision))
        was_training, nats, device = model.training, 0.0, next(model.parameters()).device
        model.eval()
        for start in range(0, len(found), batch_size):
            batch = self._batch(found[start : start + batch_size])
            moved = {name: part.to(device) for name, part in batch.items()}
            with torch.no_grad(), autocast_for(device, precision):
                nats += float(summed_loss(model, moved, self.objective, head=head)[0])
        model.train(was_training)
        return nats / math.log(2) / self.bytes if self.bytes else None

    def _in_pieces(self, one: Hidden) -> Hidden:
        parts = [self.pieces.get(int(i), (int(i),)) for i in one.ids_T]
        ids = np.array([i for part in parts for i in part], np.int64)
        return Hidden(ids, np.repeat(one.is_hidden_T, [len(part) for part in parts]))

    def _batch(self, rows: Sequence[Hidden]) -> dict[str, torch.Tensor]:
        ids, hidden = [row.ids_T for row in rows], [row.is_hidden_T for row in rows]
        pairs, length = list(zip(ids, hidden, strict=True)), padded_length(ids)
        labels = [np.where(h, i, IGNORED) for i, h in pairs]
        seen = ids
        if not self.objective.is_causal:
            seen = [np.where(h, self.vocabulary.mask_id, i) for i, h in pairs]
        arrays = {
            "input_ids": stack_rows(seen, length, self.vocabulary.pad_id),
            "labels": stack_rows(labels, length, IGNORED),
            **layout([np.array([len(i)]) for i in ids], length),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def hidden_words(
    rows: EvaluationRows,
    pieces: Mapping[int, Sequence[int]],
    objective: Objective,
    vocabulary: Vocabulary,
) -> HiddenWords:
    """Hide words of every segment of `rows`, drawn from (row, segment).

    A segment that the old tokenizer has too many pieces for is cut, for both.
    """
    sizes_V = np.ones(vocabulary.size, np.int64)
    sizes_V[list(pieces)] = [len(part) for part in pieces.values()]
    found = []
    for number in range(len(rows)):
        ids_T = row_ids(rows.rows[number])
        ends = np.cumsum(segment_lengths(rows.rows[number], len(ids_T)))
        for segment, ids_L in enumerate(np.split(ids_T, ends[:-1])):
            fitting = np.cumsum(sizes_V[ids_L]) <= rows.max_length
            rng = row_generator(_WORD_STREAM + segment, EVALUATION_EPOCH, number)
            kept = ids_L[fitting]
            found.append(Hidden(kept, _hidden(kept, objective, vocabulary, rng)))
    texts = [vocabulary.texts_V[i] for one in found for i in one.ids_T[one.is_hidden_T]]
    size = sum(len(text.encode()) for text in texts)
    return HiddenWords(found, pieces, size, objective, vocabulary)


def _hidden(
    ids_T: Ids, objective: Objective, vocabulary: Vocabulary, rng: np.random.Generator
) -> Flags:
    """Of ordinary words as many as hold the usual share of the tokens; of text that is continued all."""
    is_ordinary_T: Flags = ~vocabulary.special_V[ids_T]
    if objective.is_causal:
        is_ordinary_T[:1] = False
        return is_ordinary_T
    word_T = np.cumsum(vocabulary.word_starts(ids_T)) - 1
    words = int(word_T[-1]) + 1 if len(word_T) else 0
    sizes_W = np.bincount(word_T, minlength=words)
    is_whole_W = np.bincount(word_T, is_ordinary_T, minlength=words) == sizes_W
    order_W = np.flatnonzero(is_whole_W)[np.argsort(rng.random(int(is_whole_W.sum())))]
    wanted = max(1, round(EVALUATION_MASK_RATIO * float(is_ordinary_T.sum())))
    before_W = np.cumsum(sizes_W[order_W]) - sizes_W[order_W]
    hidden: Flags = np.isin(word_T, order_W[before_W < wanted])
    return hidden
