"""When what a corpus shares with a held-out text counts as that text.

Thirteen words in a row do not come about by chance, and texts of fewer than eight do (Brown et al. 2020,
"Language models are few-shot learners", appendix C: runs of 8 to 13 words, case and punctuation left out).
A phrase that stands in more than ten places is common property (the same appendix), unless it is half of
the text or more.
"""

from __future__ import annotations

from bisect import bisect_left

RUN_WORDS = 13
WHOLE_WORDS = 8
# Words of one letter make eight words of nothing; and writing without spaces has a word a character.
FEWEST_LETTERS = 24
# A shorter text, such as a question of five words, counts where a line holds it and nothing else.
ALONE_WORDS = 4
STOCK_PLACES = 10
_STOCK_SHARE = 0.5

WHOLE, SENTENCE, RUN, ALONE = "whole_text", "whole_sentence", "run", "whole_line"
REASONS = {
    WHOLE: f"a whole text of {WHOLE_WORDS} words or more",
    SENTENCE: f"a whole sentence of {WHOLE_WORDS} words or more out of a longer text",
    RUN: f"{RUN_WORDS} words or more in a row",
    ALONE: f"a text of {ALONE_WORDS} to {WHOLE_WORDS - 1} words that is a line by itself",
}


def how_looked_for(words: int, letters: int) -> str:
    """ "inside" other text, on a line by itself ("alone"), or "never", by the length of a held-out text."""
    if words >= WHOLE_WORDS and letters >= FEWEST_LETTERS:
        return "inside"
    return "alone" if words >= ALONE_WORDS else "never"


def reason_of(first: int, end: int, words: int, sentences: list[int]) -> str:
    """Why words `first` to `end` of a text of `words` words count as it; "" where they do not.

    Args:
        sentences: words of the text at which its sentences begin, and `words` at the end.
    """
    if end - first == words:
        return WHOLE
    if end - first >= RUN_WORDS:
        return RUN
    begin = bisect_left(sentences, first)
    is_sentence = (
        begin + 1 < len(sentences)
        and sentences[begin + 1] <= end
        and _longest(sentences, begin, end) >= WHOLE_WORDS
    )
    return SENTENCE if is_sentence else ""


def may_be_stock(first: int, end: int, words: int) -> bool:
    """Whether so little of a text can be a stock phrase."""
    return end - first < _STOCK_SHARE * words


def _longest(sentences: list[int], begin: int, end: int) -> int:
    """Words of the longest sentence that lies before `end`, from the `begin`-th on."""
    pairs = zip(sentences[begin:], sentences[begin + 1 :], strict=False)
    return max(behind - start for start, behind in pairs if behind <= end)
