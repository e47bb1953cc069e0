"""Which words are taken, in which order, and why others are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from extending_bases import BERT, Extended, MakeExtended, opened, save
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from mlm_pretrain.corpus import read_corpus
from tokenizer_training.extending import ExtendConfig, extend_tokenizer, plan_extension
from tokenizer_training.extending.noise import why_noise

WriteCorpus = Callable[[list[str]], str]
# Every letter at the start of a word and inside one, and a few longer entries.
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
ENTRIES = [
    *BERT.values(), *LETTERS, *(f"##{letter}" for letter in LETTERS), *".,-", "lymph", "##ocyte",
    "cell", "##ar", "argon", "##aut",
]  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A WordPiece whose cuts can be told by looking."""
    vocabulary = {entry: index for index, entry in enumerate(ENTRIES)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return save(tokenizer, tmp_path / "base", tokenizer_class="PreTrainedTokenizerFast", **BERT)


def extend(base: Path, corpus: str, words: int, **settings: Any) -> tuple[Path, dict[str, Any]]:
    out = base.parent / f"out-{len(list(base.parent.iterdir()))}"
    config = ExtendConfig(**{"min_count": 1, "min_documents": 1, **settings})
    return out, extend_tokenizer(base, [corpus], words, out, config)


def taken(result: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(example["word"], example["saving"]) for example in result["examples"]]


def test_words_are_taken_by_what_they_save_with_those_before_them(
    base: Path, write_corpus: WriteCorpus
) -> None:
    # 3 pieces × 5, 2 pieces × 4, and "lymphocytes" (3 pieces × 3), of which one is left by "lymphocyte".
    corpus = write_corpus(["argonaut " * 5, "lymphocyte " * 4, "lymphocytes " * 3, "bc bc cd cd"])
    out, result = extend(base, corpus, 4)
    # "argon ##aut"; then lymphocytes saves 2 × 3, lymphocyte 1 × 4; of bc and cd the first by its text.
    assert taken(result) == [("lymphocytes", 6), ("argonaut", 5), ("lymphocyte", 4), ("bc", 2)]
    assert result["left_out"] == {"saves_less": 1}
    first = len(ENTRIES)
    extension = json.loads((out / "extension.json").read_text())
    ids = [ENTRIES.index(piece) for piece in ("lymph", "##ocyte", "##s")]
    assert extension["pieces"][str(first)] == ids
    assert extension["tokens"] == {
        str(first): "lymphocytes", str(first + 1): "argonaut", str(first + 2): "lymphocyte",
        str(first + 3): "bc",
    }  # fmt: skip
    assert extension["base"]["entries"] == first
    assert opened(out).encode("Lymphocyte lymphocytes", add_special_tokens=False).ids == [
        first + 2, first,
    ]  # fmt: skip


def test_a_word_begun_by_a_new_one_is_worth_what_it_then_saves(
    base: Path, write_corpus: WriteCorpus
) -> None:
    corpus = write_corpus(["lymphocyte " * 9, "lymphocytes " * 3, "bcd " * 2])
    _, result = extend(base, corpus, 3)
    # 3 pieces × 3 would be 6; after "lymphocyte" it is 1 × 3, and bcd's 2 × 2 come first.
    assert taken(result) == [("lymphocyte", 9), ("bcd", 4), ("lymphocytes", 3)]
    assert result["corpus"]["saved_share"] == round(1 - 14 / 33, 6)


def test_reasons_to_leave_words_out(base: Path, write_corpus: WriteCorpus) -> None:
    rare = ["onceonly", "cell " * 9, "10mg " * 9, "1999 " * 9, "x12345 " * 9, "aaaa " * 9]
    one_document = "whoever " * 9
    begins = "argo " * 9  # the vocabulary has argon
    corpus = write_corpus([*rare * 2, *["argo", "10mg", "bcd"] * 3, one_document, begins])
    _, result = extend(base, corpus, 10, min_count=3, min_documents=2)
    assert [word for word, _ in taken(result)] == ["bcd"]
    assert result["left_out"] == {
        "begins_words_of_the_vocabulary": 1,
        "in_few_documents": 1,
        "is_an_entry_already": 1,
        "no_letters": 1,
        "numbers": 2,
        "one_letter_repeated": 1,
        "rare": 1,
    }


def test_what_is_to_keep_and_what_is_derived_stands_in_the_way(
    base: Path, write_corpus: WriteCorpus
) -> None:
    # "bcd" begins "bcdar", cut b c d ar: with "bcd" it would be bcd ar, shorter, but it is to be kept.
    corpus, kept = write_corpus(["bcd " * 9, "lymphocyte " * 3]), write_corpus(["bcdar and so on"])
    _, result = extend(base, corpus, 5, keep=[kept])
    assert [word for word, _ in taken(result)] == ["lymphocyte"]
    assert result["left_out"]["changes_words_to_keep"] == 1
    # Once "bcdar" is new itself, nothing that is to be kept changes by "bcd".
    both = write_corpus(["bcd " * 9, "bcdar " * 4])
    _, result = extend(base, both, 5, keep=[kept])
    assert [word for word, _ in taken(result)] == ["bcdar", "bcd"]


@pytest.mark.parametrize("word", ["lymphocyt", "immunohistochemical"])
def test_a_word_longer_than_every_entry_does_not_change_what_is_to_keep(
    base: Path, write_corpus: WriteCorpus, word: str
) -> None:
    assert len(word) > max(map(len, ENTRIES))
    corpus, kept = write_corpus([f"{word} " * 9, "bcd " * 3]), write_corpus([f"{word}ly so"])
    out, result = extend(base, corpus, 5, keep=[kept])
    assert [new for new, _ in taken(result)] == ["bcd"]
    assert result["left_out"]["changes_words_to_keep"] == 1
    assert result["kept"]["other_words_changed"]["distinct"] == 0
    before, after = (opened(folder).encode(f"{word}ly").ids for folder in (base, out))
    assert before == after


def test_words_derived_from_a_new_one_may_get_shorter_alone(
    base: Path, write_corpus: WriteCorpus
) -> None:
    # "bcdar" gets shorter by "bcd" (bcd ar); "caut", cut c aut, would get longer by "ca" (ca u t).
    corpus = write_corpus(["bcd " * 9, "bcdar", "ca " * 9, "caut", "lymphocyte " * 2])
    for derived, words in (("shorter", ["bcd", "lymphocyte"]), ("same", ["lymphocyte"])):
        _, result = extend(base, corpus, 5, derived=derived, min_count=2)
        assert [word for word, _ in taken(result)] == words
        assert result["left_out"]["changes_other_words"] == 3 - len(words)
        other = result["corpus"]["other_words_changed"]
        assert other["examples"] == (["bcdar"] if derived == "shorter" else [])
        assert other["longer"] == 0


def test_only_words_that_are_asked_for(base: Path, write_corpus: WriteCorpus) -> None:
    corpus = write_corpus(["argonaut lymphocyte bcd " * 3])
    config = ExtendConfig(min_count=1, min_documents=1)
    plan = plan_extension(
        base, [corpus], 9, base / "x", config, limit_to=["BCD", "lymphocyte", "leucocyte"]
    )
    assert [example["word"] for example in plan["examples"]] == ["bcd", "lymphocyte"]
    assert plan["left_out"]["not_asked_for"] == 1
    assert plan["left_out"]["asked_for_and_not_there"] == 1
    assert not (base / "x").exists()


def test_an_unknown_word_is_worth_reading(base: Path, write_corpus: WriteCorpus) -> None:
    corpus = write_corpus(["ßß " * 3, "bc"])
    out, result = extend(base, corpus, 1)
    assert taken(result) == [("ßß", 0)]
    assert result["corpus"]["before"]["unknown"] == 3
    assert result["corpus"]["after"]["unknown"] == 0
    assert opened(out).encode("ßß", add_special_tokens=False).ids == [len(ENTRIES)]


def test_figures_are_those_of_coding_the_text(extended: Extended) -> None:
    for name, folder in (("before", extended.base), ("after", extended.folder)):
        tokenizer = opened(folder)
        for text, corpus in (("corpus", extended.corpus), ("validation", extended.kept)):
            coded = [
                tokenizer.encode(document.text, add_special_tokens=False)
                for document in read_corpus([corpus])
            ]
            assert extended.result[text][name]["tokens"] == sum(map(len, coded)), (text, name)
    figures = extended.result["corpus"]
    share = 1 - figures["after"]["tokens"] / figures["before"]["tokens"]
    assert figures["saved_share"] == pytest.approx(share, abs=1e-6)
    assert share > 0.02


def test_savings_of_the_words_are_savings_of_the_text(make_extended: MakeExtended) -> None:
    """Of words that are looked up whole, to the token."""
    extended = make_extended("byte-bpe")
    manifest = json.loads((extended.folder / "manifest.json").read_text("utf-8"))
    figures = manifest["counts"]["corpus"]
    saved = figures["before"]["tokens"] - figures["after"]["tokens"]
    extension = extended.extension
    config = ExtendConfig(keep=[extended.kept])
    few = plan_extension(extended.base, [extended.corpus], 20, "unused", config)
    by_word = sum(example["saving"] for example in few["examples"])
    assert by_word == few["corpus"]["before"]["tokens"] - few["corpus"]["after"]["tokens"]
    assert by_word < saved
    assert [example["word"] for example in few["examples"]] == [
        example["word"] for example in extended.result["examples"]
    ]
    assert len(extension.tokens) == extended.result["words"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("p53", None), ("lymphocyte", None), ("don't", None), ("größe", None), ("c57bl", None),
        ("тест", None), ("हिन्दी", None), ("x-ray", None), ("12", "no_letters"), ("…", "no_letters"),
        ("3d", "numbers"), ("nct01234", "numbers"), ("zzz", "one_letter_repeated"),
        ("a\ufffd", "signs_or_damaged"), ("(foo", "signs_or_damaged"), ("foo-", "signs_or_damaged"),
    ],
)  # fmt: skip
def test_noise(word: str, reason: str | None) -> None:
    assert why_noise(word) == reason
