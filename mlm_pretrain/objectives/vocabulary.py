"""What masking needs to know about a tokenizer, as lookup tables over its ids.

Whole words are found from ids alone, without offsets. A word is a run of letters, marks and digits;
every punctuation mark is a word of its own, whatever the tokenizer glues it to: "well-known," is four.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mlm_pretrain.errors import InputError

Ids: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]

REPLACEMENT = "\ufffd"  # what part of a multi-byte character decodes to
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")  # a byte of a character outside the alphabet
_SENTINEL = re.compile(r"<extra_id_(\d+)>")
_CONTROLS = ("bos", "eos", "cls", "sep", "pad", "mask")


@dataclass(frozen=True)
class Vocabulary:
    """Tables over the V ids of a tokenizer.

    Attributes:
        size: V, with added tokens.
        mask_id: id of the mask token, or None.
        pad_id: id of the padding token.
        special_V: True for control tokens, which are never masked and never inserted.
        ordinary_ids: the ids that are not special, for random replacement.
        opens_word_V: True for pieces that start a word whatever stands before them.
        closes_word_V: True for pieces after which a new word starts whatever comes (punctuation).
        continues_word_V: True for pieces that can never start a word ("##" pieces).
        unknown_id: id of what stands for characters the tokenizer lacks, in the middle of words too.
        texts_V: each piece as it reads in a text, with the space before it.
        sentinel_ids: of the tokens <extra_id_0>, <extra_id_1> … that stand for spans, in this order.
    """

    size: int
    mask_id: int | None
    pad_id: int
    special_V: NDArray[np.bool_]
    ordinary_ids: NDArray[np.int64]
    opens_word_V: NDArray[np.bool_]
    closes_word_V: NDArray[np.bool_]
    continues_word_V: NDArray[np.bool_]
    unknown_id: int | None = None
    texts_V: tuple[str, ...] = ()
    sentinel_ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def word_starts(self, ids_L: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Where a word starts in a row of ids (L). Special tokens are starts of their own."""
        starts_L = self.opens_word_V[ids_L]
        if self.closes_word_V.any():  # "##" pieces never do
            starts_L[1:] |= self.closes_word_V[ids_L[:-1]] & ~self.continues_word_V[ids_L[1:]]
        special_L = self.special_V[ids_L]
        if self.unknown_id is not None:
            special_L &= ids_L != self.unknown_id
        starts_L |= special_L
        starts_L[1:] |= special_L[:-1]
        starts_L[:1] = True
        return starts_L


def read_vocabulary(tokenizer: Any) -> Vocabulary:
    """Build the tables for a Hugging Face tokenizer (fast).

    Raises:
        InputError: when it has no padding token, without which no batch can be made.
    """
    if tokenizer.pad_token_id is None:
        raise InputError(
            "the tokenizer has no padding token",
            'set one, for example tokenizer.pad_token = "[PAD]", and save it again',
        )
    size = len(tokenizer)
    pieces = tokenizer.convert_ids_to_tokens(list(range(size)))
    special = np.zeros(size, dtype=bool)
    special[[i for i in tokenizer.all_special_ids if i < size]] = True
    sentinels = find_sentinels(tokenizer)
    special[sentinels] = True
    style = _marker_style(tokenizer)
    unknown = find_unknown(tokenizer)
    if unknown is not None and style != "##":  # a "##" tokenizer never has it inside a word
        pieces[unknown] = REPLACEMENT
    ends = [_word_ends(piece or "", style) for piece in pieces]
    opens, closes, continues = (np.array(column, dtype=bool) for column in zip(*ends, strict=True))
    return Vocabulary(
        size=size, mask_id=tokenizer.mask_token_id, pad_id=tokenizer.pad_token_id, special_V=special,
        ordinary_ids=np.flatnonzero(~special), opens_word_V=opens, closes_word_V=closes,
        continues_word_V=continues, unknown_id=unknown,
        texts_V=tuple(_spaced(piece or "", style) for piece in pieces), sentinel_ids=sentinels,
    )  # fmt: skip


def find_sentinels(tokenizer: Any) -> Ids:
    """Ids of <extra_id_0>, <extra_id_1> … as far as they go."""
    named = {
        int(match[1]): index
        for piece, index in tokenizer.get_vocab().items()
        if (match := _SENTINEL.fullmatch(piece))
    }
    return np.array([named[number] for number in sorted(named)], dtype=np.int64)


def find_unknown(tokenizer: Any) -> int | None:
    """Id of the unknown token; None where there is none, or (GPT-2) it is a control token too."""
    controls = {getattr(tokenizer, f"{role}_token_id") for role in _CONTROLS}
    unknown = tokenizer.unk_token_id
    return None if unknown is None or unknown in controls else int(unknown)


def _marker_style(tokenizer: Any) -> str:
    """How the pieces mark words: "##", "Ġ" (byte-level), "▁" (sentencepiece) or "</w>"."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None and type(backend.model).__name__ == "WordPiece":
        return "##"
    pieces = tokenizer.get_vocab()
    counts = {mark: sum(mark in piece for piece in pieces) for mark in ("Ġ", "▁", "</w>")}
    style = max(counts, key=lambda mark: counts[mark])
    if style == "</w>" and counts[style]:
        raise InputError(
            "this tokenizer marks the ends of words ('</w>'), which masking cannot follow",
            "train one with `mlm-pretrain tokenizer train`",
        )
    return style if counts[style] else "##"


def _word_ends(piece: str, style: str) -> tuple[bool, bool, bool]:
    """(opens, closes, continues) of one piece."""
    if style == "##":
        continues = piece.startswith("##")
        return not continues, False, continues
    text = _readable(piece, style)
    word = text.strip()
    opens = text[:1].isspace() or not word or not _in_word(word[0])
    return opens, not word or text[-1].isspace() or not _in_word(word[-1]), False


def _readable(piece: str, style: str) -> str:
    """The text of a piece; byte-level pieces are decoded, and broken characters marked."""
    if style == "▁":
        if byte := _BYTE.fullmatch(piece):
            value = int(byte[1], 16)
            return chr(value) if value < 0x80 else REPLACEMENT
        return piece.replace("▁", " ")
    from tokenizers import decoders

    return str(decoders.ByteLevel().decode([piece]))


def _spaced(piece: str, style: str) -> str:
    """The text of a piece; where pieces do not hold their spaces, one before words and opening marks."""
    if style != "##":
        return _readable(piece, style)
    if piece.startswith("##"):
        return piece[2:]
    is_closing = unicodedata.category(piece[:1] or " ") in ("Po", "Pe", "Pf")
    return piece if is_closing else f" {piece}"


def _in_word(character: str) -> bool:
    return character == REPLACEMENT or unicodedata.category(character)[0] in "LMN"
