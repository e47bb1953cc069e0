"""Sentences with one masked word for the Hub's page of a model, out of text that was held back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mlm_pretrain.cards.privacy import private_sign

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXAMPLES = 3
_SHORTEST, _LONGEST = 40, 160  # characters of a sentence
_SHORTEST_WORD = 4  # letters of the masked word
_TELLING_WORDS = 5
_LOOKED_AT = 20_000  # sentences, before one is content with fewer examples


def card_examples(
    texts: Iterable[str],
    tokenizer: PreTrainedTokenizerBase,
    *,
    never: Iterable[str] = (),
    prefer: Collection[str] = (),
    language: str | None = None,
    examples: int = EXAMPLES,
) -> list[str]:
    """The first fitting sentences of different texts, each with one word masked.

    A sentence fits when it is 40 to 160 characters long, whole, free of what `private_sign` finds, and has a
    word of four letters or more that is one token: else the model could not fill its gap.

    Args:
        texts: of the domain, held back from training, and such as may be public.
        never: texts of which no example may be a part, such as a task's test set.
        prefer: words to mask where there are some, such as those the vocabulary gained.
        language: an ISO 639 code, by which sentences are split and names told.

    Returns:
        Up to `examples` texts with the tokenizer's mask token, in the order of `texts`; none where it has
        no mask token.
    """
    if tokenizer.mask_token is None or not examples:
        return []
    kept_out = list(map(_plain, never))
    wanted = {word.casefold() for word in prefer}
    second_best: list[str] = []
    found: list[str] = []
    for text in _fitting(texts, kept_out, language):
        if tokenizer.mask_token in text:  # text about language models
            continue
        masked, is_preferred = _masked(text, tokenizer, wanted)
        if masked is not None:
            (found if is_preferred or not wanted else second_best).append(masked)
        if len(found) == examples:
            break
    return [*found, *second_best][:examples]


def _fitting(texts: Iterable[str], kept_out: list[str], language: str | None) -> Iterator[str]:
    """One sentence a text, the first that may be shown."""
    from sentencex import segment

    left = _LOOKED_AT
    for text in texts:
        for sentence in map(str.strip, segment(language or "en", text)):
            left -= 1
            if _may_be_shown(sentence, kept_out, language):
                yield sentence
                break
        if left <= 0:
            return


def _may_be_shown(sentence: str, kept_out: list[str], language: str | None) -> bool:
    if not _is_whole(sentence) or private_sign(sentence, language) is not None:
        return False
    plain = _plain(sentence)
    return not any(plain in text or (text in plain and _is_telling(text)) for text in kept_out)


def _is_telling(text: str) -> bool:
    """Whether finding it within a sentence is no chance: "it is" stands in many."""
    return text.count(" ") + 1 >= _TELLING_WORDS


def _is_whole(sentence: str) -> bool:
    is_short = _SHORTEST <= len(sentence) <= _LONGEST and "\n" not in sentence
    return is_short and sentence[0].isupper() and sentence[-1] in ".!?"


def _plain(text: str) -> str:
    """Words alone, so that spaces, case and marks do not hide that two texts are one."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _masked(
    sentence: str, tokenizer: PreTrainedTokenizerBase, wanted: set[str]
) -> tuple[str | None, bool]:
    """The sentence with its best word masked, and whether that is a wanted one; the longest of several."""
    spans = _single_tokens(sentence, tokenizer)
    if not spans:
        return None, False
    start, end = max(
        spans, key=lambda s: (sentence[s[0] : s[1]].casefold() in wanted, s[1] - s[0], -s[0])
    )
    is_wanted = sentence[start:end].casefold() in wanted
    return f"{sentence[:start]}{tokenizer.mask_token}{sentence[end:]}", is_wanted


def _single_tokens(sentence: str, tokenizer: Any) -> list[tuple[int, int]]:
    """Where words stand that are one token; the first word is left, since its capital is the sentence's."""
    encoded = tokenizer(sentence, return_offsets_mapping=True, add_special_tokens=False)
    tokens = set()
    for start, end in encoded["offset_mapping"]:  # a byte-level token has the space before its word
        piece = sentence[start:end]
        tokens.add((start + len(piece) - len(piece.lstrip()), end))
    words = [match.span() for match in re.finditer(r"[^\W\d_]+", sentence)]
    return [span for span in words[1:] if span in tokens and span[1] - span[0] >= _SHORTEST_WORD]
