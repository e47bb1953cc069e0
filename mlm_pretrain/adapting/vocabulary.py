"""The vocabulary of an adapted model: the checkpoint's own, or that with words of the domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.corpus import fingerprint_corpus
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import hash_file, read_manifest
from tokenizer_training.extending import ExtendConfig, extend_tokenizer
from tokenizer_training.extending.extend import STAGE

_REPORTED = (
    "words",
    "mechanism",
    "promise",
    "corpus",
    "kept",
    "validation",
    "examples",
    "left_out",
)


def extended(config: AdaptConfig, words: int, places: Places, base: str) -> dict[str, Any]:
    """Write `tokenizer/` with up to `words` words of the domain, or find it written so.

    Words of the general text keep their ids, so that what the checkpoint knows of them stays.

    Returns:
        What `extend_tokenizer` reports: words, savings in tokens on the domain's training and held-out
        text, what was left out and why.
    """
    corpus = [str(places.learnt("domain"))]
    held_out = places.held_out("domain")
    settings = ExtendConfig(
        keep=[str(places.learnt("general"))] if config.general else [], seed=config.seed,
        validation=[] if held_out is None else [str(held_out)],
    )  # fmt: skip
    inputs = {
        "tokenizer": hash_file(Path(base) / "tokenizer.json"),
        "corpus": str(fingerprint_corpus(corpus, settings.reading)["xxh3_128"]),
    }
    recorded = {"words": words, "limit_to": None, **settings.model_dump(mode="json")}
    if not is_made(places.tokenizer, STAGE, recorded, inputs):
        extend_tokenizer(base, corpus, words, places.tokenizer, settings, overwrite=True)
    found = read_manifest(places.tokenizer, STAGE).counts
    return {name: found[name] for name in _REPORTED if name in found}
