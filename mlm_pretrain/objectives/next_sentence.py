"""Does the second part follow the first? (Devlin et al. 2019, BERT's next-sentence prediction)

Formula: divide a segment at the border of a sentence into A and B, and with a chance put a part B' of
    another document into the place of B; beside filling gaps, minimise −log p(B or B' | state of the
    segment's first token).
Inputs: rows of ids (T), with the lengths of the segments packed into each and their documents' keys;
    with each row a partner, some row of the same dataset.
Requirements: an encoder with a masked-LM head; a tokenizer with a mask token, and a start and an end
    token around each segment; text of several documents.
Relations: mostly it does not help. Liu et al. 2019 (RoBERTa) found models as good or better without it,
    and worse where it shortens the texts; Lan et al. 2020 (ALBERT) that the topic alone solves it, and
    that `order`, whose parts are of one document, teaches more. It is for comparing with BERT, and for
    models that will read pairs. As in BERT the end token stands between the parts too, and
    `token_type_ids` are 0 up to it and 1 behind, for models that know them. `masked` is its first term.

Nothing but what A and B say may give the answer away, so B and B' obey one law. Both begin at the border
of a sentence found within a segment, and both are cut to the length of the shorter one, so that no length
depends on which was taken. A segment ends where packing cut it, or where its document does: of such an
end, which would show that a text is whole, a random part of the last sentence is left out. What was cut
off is not read in this epoch. A segment that cannot be divided, or has no partner of another document,
stays as it was, and nothing is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.errors import InputError
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
    PARTNER,
    reworked,
    row_ids,
    segment_documents,
    segment_lengths,
    stack_rows,
)
from mlm_pretrain.objectives.segment_classes import MASKED, class_head, count, loss
from mlm_pretrain.objectives.sentences import text_sentences
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import Ids, Numbers, Vocabulary

NEXT = "next"
_PAIR_STREAM = 0x6E_73_70  # sets these draws apart from those of masks
# Of a segment: the answer; where its text is divided and ends; which other, where that is divided and ends.
_NUMBERS = 6


class NextSentenceConfig(StrictConfig):
    """How segments are divided, and how much the answer counts.

    Attributes:
        replaced_share: of the divided segments, those whose second part is of another document.
        shortest: fewest tokens of a part, start and end token not counted.
        next_weight: of the loss of the answer, beside that of the masked tokens.
        language: of the text, for finding its sentences (ISO 639-1).
        masking: of the text as it is then read.
    """

    replaced_share: float = Field(0.5, gt=0, lt=1)
    shortest: int = Field(8, ge=1)
    next_weight: float = Field(1.0, gt=0)
    language: str = "en"
    masking: MaskedConfig = MaskedConfig()


class Text(NamedTuple):
    """A segment of a document.

    Attributes:
        ids_T: with start and end token.
        starts_S: where its sentences begin; none where it cannot be divided.
        end: where its text ends.
        is_last: whether its document ends there.
        document: its key.
    """

    ids_T: Ids
    starts_S: Ids
    end: int
    is_last: bool
    document: int

    def divided(self, shortest: int, numbers_2: Numbers) -> tuple[Ids, Ids] | None:
        """(first part with its start token, second part), of at least `shortest` tokens and one token more,
        whose place the token between the parts may take; None where there is no such border."""
        if len(self.starts_S) < 2:
            return None
        end, last = self.end, int(self.starts_S[-1])
        if self.is_last:
            end = last + int(numbers_2[1] * (end - last))
        earliest, latest = self.starts_S[0] + shortest, end - shortest - 1
        borders_N = self.starts_S[(self.starts_S >= earliest) & (self.starts_S <= latest)]
        if not len(borders_N):
            return None
        border = int(borders_N[int(numbers_2[0] * len(borders_N))])
        return self.ids_T[:border], self.ids_T[border:end]


class Shown(NamedTuple):
    """What the model sees of a segment: ids and types (T), and the class of the pair (0: it follows)."""

    ids_T: Ids
    types_T: Ids
    label: int


class NextSentenceCollator:
    """Examples, each with its partner → a masked batch of pairs, drawn from (seed, epoch, example).

    Returns what `MaskedCollator` does; `next_labels` (B, L): at the first token of each divided segment 0
    where its second part follows and 1 where it is of another document, −100 elsewhere; and `token_type_ids`
    (B, L): 1 from the second part on.
    """

    def __init__(self, vocabulary: Vocabulary, config: NextSentenceConfig, seed: int) -> None:
        self.vocabulary, self.config, self.seed = vocabulary, config, seed
        self.masked = MaskedCollator(vocabulary, config.masking, seed)

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        places = [place_of(example, row_ids(example)) for example in examples]
        generators = row_generators(self.seed ^ _PAIR_STREAM, places)
        rows = [self._paired(*pair) for pair in zip(examples, generators, strict=True)]
        batch = self.masked([_example(*one) for one in zip(rows, examples, places, strict=True)])
        length = batch["input_ids"].shape[1]
        types = [np.concatenate([shown.types_T for shown in row]) for row in rows]
        types_BL = stack_rows(types, length, 0)
        labels_BL = stack_rows([_labels(row) for row in rows], length, IGNORED)
        own = {"next_labels": labels_BL, "token_type_ids": types_BL}
        return {**batch, **{name: torch.from_numpy(array) for name, array in own.items()}}

    def _paired(self, example: Mapping[str, Any], rng: np.random.Generator) -> list[Shown]:
        """The segments of a row."""
        if PARTNER not in example:
            raise InputError(
                "next-sentence prediction takes text from other rows, and these come alone",
                "give the dataset, which must have a length, as train_dataset or eval_dataset to the "
                "trainer when it is made",
            )
        others = self._texts(example[PARTNER])
        # As many numbers for each segment, so that one does not depend on what another held.
        return [self._shown(t, others, rng.random(_NUMBERS)) for t in self._texts(example)]

    def _texts(self, example: Mapping[str, Any]) -> list[Text]:
        ids_T = row_ids(example)
        lengths_S = segment_lengths(example, len(ids_T))
        last = example.get("segment_final")  # where nobody says, a text may end with its document
        last_S = np.ones(len(lengths_S), bool) if last is None else np.atleast_1d(last)
        parts = np.split(ids_T, np.cumsum(lengths_S)[:-1])
        facts = zip(parts, last_S.tolist(), segment_documents(example).tolist(), strict=True)
        return [self._text(*of_segment) for of_segment in facts]

    def _text(self, ids_T: Ids, is_last: bool, document: int) -> Text:
        starts_S, end = text_sentences(ids_T, self.vocabulary, self.config.language)
        if len(ids_T) - end != 1:  # there has to be an end token, for between the parts
            starts_S = starts_S[:0]
        return Text(ids_T, starts_S, end, is_last, document)

    def _shown(self, text: Text, others: Sequence[Text], numbers: Numbers) -> Shown:
        """The segment as a pair. Whether it can be one does not depend on the answer."""
        own = text.divided(self.config.shortest, numbers[1:3])
        other_T = self._other(text.document, others, numbers[3:])
        if own is None or other_T is None:
            return Shown(text.ids_T, np.zeros_like(text.ids_T), IGNORED)
        first_T, second_T = own
        length = min(len(second_T) - 1, len(other_T))  # a token less, for the one between
        is_other = bool(numbers[0] < self.config.replaced_share)
        taken_T, end_T = other_T if is_other else second_T, text.ids_T[-1:]
        ids_T = np.concatenate([first_T, end_T, taken_T[:length], end_T])
        types_T = np.arange(len(ids_T)) > len(first_T)
        return Shown(ids_T, types_T.astype(np.int64), int(is_other))

    def _other(self, document: int, others: Sequence[Text], numbers_3: Numbers) -> Ids | None:
        """The second part of a text of another document, where there is one."""
        strangers = (other for other in others if other.document != document)
        found = [other.divided(self.config.shortest, numbers_3[1:]) for other in strangers]
        seconds = [parts[1] for parts in found if parts is not None]
        return seconds[int(numbers_3[0] * len(seconds))] if seconds else None


def _labels(row: Sequence[Shown]) -> Ids:
    """The classes of a row's pairs (T), each at its first token."""
    lengths_S = np.array([len(shown.ids_T) for shown in row])
    labels_T = np.full(lengths_S.sum(), IGNORED)
    labels_T[np.cumsum(lengths_S) - lengths_S] = [shown.label for shown in row]
    return labels_T


def _example(
    row: Sequence[Shown], example: Mapping[str, Any], place: tuple[int, int]
) -> dict[str, Any]:
    """The row as pairs, for masking."""
    ids_T = np.concatenate([shown.ids_T for shown in row])
    lengths = [len(shown.ids_T) for shown in row]
    return reworked(example, place, input_ids=ids_T, segment_lengths=lengths)


def heads(model: Any, _vocabulary: Vocabulary, _config: NextSentenceConfig) -> torch.nn.Module:
    """The scores of "it follows" and "it is of another document", in BERT's order."""
    return class_head(model, NEXT, 2)


def weights(config: NextSentenceConfig) -> dict[str, float]:
    return {MASKED: 1.0, NEXT: config.next_weight}


OBJECTIVE = Objective(
    name="nsp", auto_class="AutoModelForMaskedLM", is_causal=False, config=NextSentenceConfig,
    collator=NextSentenceCollator, predicted_positions=predicted_positions, count=count, loss=loss,
    weights=weights, terms=(MASKED, NEXT), serves=("mlm",), heads=heads, exported_heads=("next.",),
    needs_partner=True, card=Card("masked-token and next-sentence prediction"),
)  # fmt: skip
