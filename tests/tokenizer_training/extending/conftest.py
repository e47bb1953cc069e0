"""One extension of every kind of tokenizer, of a text of which the first part is to be kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from extending_bases import WORDS, Extended, MakeExtended, bert, roberta, suffix_bpe

from tokenizer_training.extending import ExtendConfig, extend_tokenizer

KINDS = ("wordpiece", "byte-bpe", "bpe", "unigram", "bert", "roberta", "suffix")
_OTHERS = {
    "bert": bert,
    "roberta": roberta,
    "suffix": suffix_bpe,
}


@pytest.fixture(scope="session")
def make_extended(
    trained: Callable[[str], Path], paragraphs: list[str], tmp_path_factory: pytest.TempPathFactory
) -> MakeExtended:
    """The extension of a kind of tokenizer, made once."""
    home = tmp_path_factory.mktemp("extended")
    kept, rest = paragraphs[:150], paragraphs[150:]
    for name, texts in (("corpus", rest), ("kept", kept)):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        (home / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    corpus, keep = str(home / "corpus.jsonl"), str(home / "kept.jsonl")

    @cache
    def make(kind: str) -> Extended:
        make_base = _OTHERS.get(kind)
        base = make_base(paragraphs, home / "bases" / kind) if make_base else trained(kind)
        config = ExtendConfig(keep=[keep], validation=[keep])
        result = extend_tokenizer(base, [corpus], WORDS, home / kind, config)
        return Extended(base, home / kind, result, corpus, keep, kept)

    return make


@pytest.fixture(params=KINDS)
def extended(request: pytest.FixtureRequest, make_extended: MakeExtended) -> Extended:
    """Of every kind in turn."""
    return make_extended(request.param)
