"""What keeps its ids: by each model's own promise for any text, and exactly for the text to keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from extending_bases import WORDS, Extended, MakeExtended, opened, words_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tokenizer_training.extending import ExtendConfig, plan_extension

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CHECKED = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
Touches = Callable[[str], bool]


def touching(kind: str, extended: Extended, before: Tokenizer) -> Touches:
    """Whether a word may get other ids, by the promise of its kind."""
    new, bare = extended.new_words, Tokenizer(before.model)
    if kind in ("byte-bpe", "bpe", "roberta"):
        return new.__contains__
    if kind in ("wordpiece", "bert"):
        return lambda word: word.startswith(tuple(new))
    if kind == "unigram":
        cuts = [bare.encode(word).tokens for word in new]
        return lambda word: any(bare.encode(word).tokens[: len(cut)] == cut for cut in cuts)
    merges = extended_merges(extended)
    return lambda word: any(pair in merges for pair in pairwise(bare.encode(word).tokens))


def extended_merges(extended: Extended) -> set[tuple[str, str]]:
    """The merges that are new, as pairs."""
    texts = [(f / "tokenizer.json").read_text("utf-8") for f in (extended.base, extended.folder)]
    old, new = (json.loads(text)["model"]["merges"] for text in texts)
    assert new[: len(old)] == old
    return {(left, right) for left, right in new[len(old) :]}


@pytest.mark.parametrize(
    "kind", ["wordpiece", "byte-bpe", "bpe", "unigram", "bert", "roberta", "suffix"]
)
def test_any_text_keeps_the_ids_of_words_that_touch_no_new_one(
    kind: str, make_extended: MakeExtended
) -> None:
    extended = make_extended(kind)
    before, after = opened(extended.base), opened(extended.folder)
    touches = touching(kind, extended, before)
    readable = sorted(word.lstrip("Ġ▁") for word in extended.new_words)
    # New words with something before and behind them, and any text at all.
    spaced = st.sampled_from(readable).map(" {}".format)
    parts = st.one_of(
        spaced, st.sampled_from(readable), st.sampled_from([" ", "s", "un", "("]), ANY_TEXT
    )
    bare = [Tokenizer(tokenizer.model) for tokenizer in (before, after)]
    seen = {"touched": 0, "kept": 0}

    @CHECKED
    @given(st.lists(parts, max_size=6))
    def check(drawn: list[str]) -> None:
        text = "".join(drawn)
        words = words_of(before, text)
        for word in words:
            ids = [model.encode(word).ids for model in bare]
            if touches(word):
                seen["touched"] += 1
                assert len(ids[1]) <= len(ids[0]) or kind in ("wordpiece", "bert")
            else:
                seen["kept"] += 1
                assert ids[0] == ids[1], word
        if not any(map(touches, words)):
            whole = [t.encode(text, add_special_tokens=False).ids for t in (before, after)]
            assert whole[0] == whole[1]

    check()
    assert min(seen.values()) > 20  # both cases came up


def test_in_the_text_to_keep_new_words_alone_change(extended: Extended) -> None:
    before, after = opened(extended.base), opened(extended.folder)
    new, bare = extended.new_words, [Tokenizer(t.model) for t in (before, after)]
    words = {word for text in extended.kept_texts for word in words_of(before, text)}
    coded = {word: [model.encode(word).ids for model in bare] for word in words}
    changed = {word for word, (old, now) in coded.items() if old != now}
    assert changed <= new
    assert changed  # it holds new words too
    unchanged = 0
    for text in extended.kept_texts:
        old, now = (t.encode(text, add_special_tokens=False).ids for t in (before, after))
        if not changed.intersection(words_of(before, text)):
            assert old == now
            unchanged += 1
    assert unchanged > 20
    other = extended.result["kept"]["other_words_changed"]
    assert (other["distinct"], other["occurrences"]) == (0, 0)


def test_every_new_word_is_one_token(extended: Extended) -> None:
    bare = Tokenizer(opened(extended.folder).model)
    assert extended.result["words"] == WORDS
    ids = {token: index for index, token in extended.extension.tokens.items()}
    assert sorted(ids.values()) == list(extended.extension.new_ids)
    whole = [token for token in ids if bare.encode(token.removesuffix("</w>")).ids == [ids[token]]]
    between = extended.result["entries_after"] - extended.result["entries_before"] - WORDS
    assert len(whole) >= WORDS
    assert len(ids) - len(whole) <= between


def test_entries_of_the_vocabulary_keep_their_ids_as_words(extended: Extended) -> None:
    before, after = opened(extended.base), opened(extended.folder)
    bare = [Tokenizer(tokenizer.model) for tokenizer in (before, after)]
    specials = {token.content for token in before.get_added_tokens_decoder().values()}
    for entry in before.get_vocab(with_added_tokens=False):
        word = entry.removesuffix("</w>")
        if entry not in specials and word not in extended.new_words:
            old, now = (model.encode(word).ids for model in bare)
            assert old == now or len(now) < len(old)
            assert len(old) > 1 or old == now


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "suffix"])
def test_words_derived_from_new_ones_get_shorter_or_stay(
    kind: str, make_extended: MakeExtended, tmp_path: object
) -> None:
    extended = make_extended(kind)
    found = extended.result["corpus"]["other_words_changed"]
    assert found["distinct"] > 0
    assert found["longer"] == 0
    strict = ExtendConfig(derived="same")
    plan = plan_extension(extended.base, [extended.corpus], WORDS, f"{tmp_path}/x", strict)
    assert plan["corpus"]["other_words_changed"]["distinct"] == 0
    assert plan["left_out"]["changes_other_words"] > 0
    assert plan["corpus"]["saved_share"] > 0
