"""BPE whose words cannot be looked up whole: merges, told by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from extending_bases import ROBERTA, SPECIALS, opened, save
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from mlm_pretrain.extension import read_extension
from tokenizer_training.extending import ExtendConfig, extend_tokenizer

WriteCorpus = Callable[[list[str]], str]
LETTERS = "abcdefgh"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The entry "abc" is there, but "bc" comes first, so that the word "abc" is a bc."""
    entries = [*SPECIALS, *LETTERS, "bc", "ab", "abc", "de"]
    vocabulary = {entry: index for index, entry in enumerate(entries)}
    merges = [("b", "c"), ("a", "b"), ("ab", "c"), ("d", "e")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.Fuse()
    return save(tokenizer, tmp_path / "base", tokenizer_class="PreTrainedTokenizerFast", **ROBERTA)


def test_chains_share_what_they_pass_through(
    base: Path, write_corpus: WriteCorpus, tmp_path: Path
) -> None:
    corpus = write_corpus(["fdeh " * 9, "fdebc " * 4, "abc " * 20, "xfde"])
    config = ExtendConfig(min_count=2, min_documents=1)
    result = extend_tokenizer(base, [corpus], 2, tmp_path / "out", config)
    assert result["mechanism"] == "merges of BPE"
    assert [example["word"] for example in result["examples"]] == ["fdeh", "fdebc"]
    # f de h: fde, fdeh; then fdebc is fde bc, which is one merge.
    first = result["entries_before"]
    extension = read_extension(tmp_path / "out")
    assert extension is not None
    assert extension.tokens == {first: "fde", first + 1: "fdeh", first + 2: "fdebc"}
    vocabulary = opened(base).get_vocab()
    pieces = {"fde": ("f", "de"), "fdeh": ("f", "de", "h"), "fdebc": ("f", "de", "bc")}
    for index, token in extension.tokens.items():
        assert extension.pieces[index] == [vocabulary[piece] for piece in pieces[token]]
    model = json.loads((tmp_path / "out" / "tokenizer.json").read_text("utf-8"))["model"]
    assert model["merges"][4:] == [["f", "de"], ["fde", "h"], ["fde", "bc"]]
    after = opened(tmp_path / "out")
    # Looked up whole, this one would be another entry than before.
    assert after.encode("abc", add_special_tokens=False).tokens == ["a", "bc"]
    assert after.encode("fdefdeh", add_special_tokens=False).tokens == ["fde", "fdeh"]
    other = result["corpus"]["other_words_changed"]
    assert (other["examples"], other["longer"]) == (["xfde"], 0)


def test_pairs_of_words_to_keep_are_left_alone(
    base: Path, write_corpus: WriteCorpus, tmp_path: Path
) -> None:
    corpus, kept = write_corpus(["fdeh " * 9, "ghgh " * 4]), write_corpus(["a word with gfde"])
    config = ExtendConfig(min_count=2, min_documents=1, keep=[kept])
    result = extend_tokenizer(base, [corpus], 2, tmp_path / "out", config)
    assert [example["word"] for example in result["examples"]] == ["ghgh"]
    assert result["left_out"]["changes_words_to_keep"] == 1
    after = opened(tmp_path / "out")
    assert after.encode("gfde", add_special_tokens=False).tokens == ["g", "f", "de"]
    assert after.encode("ghgh", add_special_tokens=False).tokens == ["ghgh"]
