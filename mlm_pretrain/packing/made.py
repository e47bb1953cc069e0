"""Whether prepared data is there already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlm_pretrain.corpus import fingerprint_corpus
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import hash_file
from mlm_pretrain.packing.config import PrepareConfig


def is_prepared(
    corpus: Sequence[str], tokenizer: str | Path, folder: Path, config: PrepareConfig
) -> bool:
    """Whether `prepare` wrote `folder` from this text and tokenizer with these settings; says so."""
    texts = {"corpus": corpus, "validation_corpus": config.validation_corpus}
    inputs = {
        role: str(fingerprint_corpus(specs, config.read)["xxh3_128"])
        for role, specs in texts.items()
        if specs
    }
    if (file := Path(tokenizer) / "tokenizer.json").is_file():
        inputs["tokenizer"] = hash_file(file)
    return is_made(folder, "prepare", config.model_dump(mode="json"), inputs)
