"""The unigram trainer's bound on words: where it cuts, no part of the alphabet is cut off."""

from __future__ import annotations

from collections import Counter
from string import ascii_lowercase

import pytest

from tokenizer_training.algorithms import unigram


def test_words_equally_rare_are_left_out_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {f"▁{letter}{n}": 1 for letter in ascii_lowercase for n in range(200)}
    words.update({"▁the": 50, "▁zebra": 2})
    monkeypatch.setattr(unigram, "_MAX_DISTINCT_WORDS", len(words) // 2)
    kept, too_rare = unigram._bound(words)
    assert len(kept) == len(words) // 2
    assert too_rare == sum(words.values()) - sum(kept.values())
    assert (kept["▁the"], kept["▁zebra"]) == (50, 2)
    letters = Counter(word[1] for word in kept)
    # Of 200 a half, give or take; more than five times its spread (7) never happens.
    assert set(letters) == set(ascii_lowercase)
    assert all(64 <= count <= 136 for count in letters.values())
    assert unigram._bound(dict(reversed(words.items()))) == (kept, too_rare)
