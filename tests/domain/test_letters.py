"""Words as overlap compares them, in every script, and where they stand."""

from __future__ import annotations

from mlm_pretrain.domain.overlap.letters import spans_of, words_of


def test_words_keep_their_vowel_signs() -> None:
    assert words_of("हिन्दी की किताब") == ["हिन्दी", "की", "किताब"]
    assert words_of("कि") != words_of("की")
    # A vowel as one character or as two, and a letter with its dot.
    assert words_of("\u0995\u09cb") == words_of("\u0995\u09c7\u09be")
    assert words_of("\u0958लम") == words_of("\u0915\u093cलम")
    assert [len(words_of(text)) for text in ("தமிழ் மொழி", "ที่นี่", "မြန်မာ")] == [2, 2, 3]


def test_accents_and_points_make_no_difference() -> None:
    pairs = [
        ("كِتَابٌ جَدِيدٌ", "كتاب جديد"), ("שָׁלוֹם", "שלום"), ("nai\u0308ve cafe\u0301s", "naive cafes"),
        ("μῆνιν ἄειδε", "μηνιν αειδε"), ("ещё", "еще"),
    ]  # fmt: skip
    for text, plain in pairs:
        assert words_of(text) == words_of(plain) == plain.split()
        assert len(spans_of(text)) == len(plain.split())


def test_words_and_spans_fit_in_every_script() -> None:
    """Also where text is at random: `scanning` reads one by the number of the other."""
    import random

    draw = random.Random(0)
    signs = "aé߀_ 1\u0301\u200dकि्रাที่อ漢字がﾞ\u3099مِ\u064b-.\n"
    for _ in range(500):
        text = "".join(draw.choices(signs, k=30))
        assert len(words_of(text)) == len(spans_of(text))
        assert all(text[start:end].strip() for start, end in spans_of(text))
