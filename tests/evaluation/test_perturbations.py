"""Texts with typos and in other forms: exact strings, and what holds of any text."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from mlm_pretrain.evaluation.perturbations import (
    changes,
    lower,
    neighbours,
    typo,
    upper,
    with_typos,
    without_punctuation,
)

TEXT = "The quick brown fox jumps over the lazy dog, doesn't it? 12345 snake_case."
EXPECTED = "The quicck bown fox jmps ovr the lay dog, deosn't it? 12345 snke_caase."


def test_typos_are_the_same_on_every_machine() -> None:
    assert with_typos(TEXT, 1.0, seed=0) == EXPECTED
    assert with_typos(TEXT, 0.0, seed=0) == TEXT
    assert with_typos(TEXT, 1.0, seed=1) != EXPECTED != with_typos(TEXT, 1.0, seed=0, place=1)


def test_the_four_kinds_of_typo() -> None:
    generator = random.Random(0)
    found = {typo("word", generator) for _ in range(400)}
    # Swapped, dropped, doubled, replaced by a neighbour on the keyboard.
    assert found == {"wrod", "wrd", "wod", "woord", "worrd", "wird", "wprd", "woed", "wotd"}
    assert {typo("WORD", generator) for _ in range(400)} == {word.upper() for word in found}
    # Letters that are on no English keyboard, and equal ones.
    assert {typo("слон", generator) for _ in range(99)} == {"солн", "сон", "слн", "сллон", "слоон"}
    assert {typo("öööö", generator) for _ in range(99)} == {"ööö", "ööööö"}


def test_keys_beside_a_key() -> None:
    assert [neighbours(letter) for letter in "qpGm1ä"] == ["w", "o", "fh", "n", "", ""]


@given(st.text(max_size=80), st.floats(0, 1), st.integers(0, 9))
def test_what_typos_leave_alone(text: str, share: float, seed: int) -> None:
    changed = with_typos(text, share, seed)
    assert len(changed.split()) == len(text.split())
    shape = re.compile(r"[^\W\d_]{3,}")  # a word of four letters may lose one
    rest = [shape.sub("", each) for each in (text, changed)]
    assert rest[0] == rest[1]
    pairs = zip(shape.findall(text), shape.findall(changed), strict=True)
    for old, new in pairs:
        assert (old[0], old[-1]) == (new[0], new[-1])
        assert abs(len(old) - len(new)) <= 1
        if len(old) < 4 or share == 0:
            assert old == new
        elif share == 1:
            assert old != new


def test_the_share_of_words_is_respected() -> None:
    words = ["letters"] * 20_000
    changed = with_typos(" ".join(words), 0.1, seed=5).split()
    assert 0.09 < sum(word != "letters" for word in changed) / len(words) < 0.11


def test_case_and_punctuation() -> None:
    assert upper("Straße, 3") == "STRASSE, 3" and lower("ÉTÉ in Rome") == "été in rome"
    assert without_punctuation("«Don't», he said – really?! 3.5 %+") == "Dont he said  really 35 +"
    assert without_punctuation("?!") == "?!"
    made = changes(1.0, 0)
    assert list(made) == ["typos", "lower", "upper", "no_punctuation"]
    assert made["typos"](TEXT, 3) == with_typos(TEXT, 1.0, 0, 3)
    assert made["upper"](TEXT, 3) == TEXT.upper()
