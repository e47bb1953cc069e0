"""The vocabulary of an adapted model: the checkpoint's own, or that with words of the domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import GENERAL
from mlm_pretrain.corpus import fingerprint_corpus
from mlm_pretrain.errors import DiskFull, InputError
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import hash_file, read_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.tokenizer_opening import open_tokenizer
from tokenizer_training.extending import ExtendConfig, extend_tokenizer
from tokenizer_training.extending.extend import STAGE
from tokenizer_training.folder import TOKENIZER_FILE

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


def extended(config: AdaptConfig, words: int, places: Places, base: str) -> dict[str, Any] | None:
    """Write `tokenizer/` with up to `words` words of the domain, or find it written so.

    Words of the general text keep their ids, so that what the checkpoint knows of them stays.

    Returns:
        What `extend_tokenizer` reports: words, savings in tokens on the domain's training and held-out
        text, what was left out and why. None where words were advised and not asked for, and there are none
        to add or the tokenizer takes none.

    Raises:
        InputError: for the same where they were asked for.
    """
    corpus, tokenizer = [str(places.learnt("domain"))], _tokenizer_of(base, places)
    held_out = places.held_out("domain")
    settings = ExtendConfig(
        keep=[str(places.learnt(GENERAL))] if config.general else [], seed=config.seed,
        validation=[] if held_out is None else [str(held_out)],
    )  # fmt: skip
    inputs = {
        "tokenizer": _hash(tokenizer / TOKENIZER_FILE),
        "corpus": str(fingerprint_corpus(corpus, settings.reading)["xxh3_128"]),
    }
    recorded = {"words": words, "limit_to": None, **settings.model_dump(mode="json")}
    if not is_made(places.tokenizer, STAGE, recorded, inputs):
        try:
            extend_tokenizer(tokenizer, corpus, words, places.tokenizer, settings, overwrite=True)
        except DiskFull:
            raise
        except InputError as error:
            if config.words != "auto":
                way_out = f"{error.way_out}; or leave the vocabulary as it is: words: 0"
                raise InputError(error.problem, way_out) from None
            say(f"the vocabulary stays as it is: {error.problem}")
            return None
    found = read_manifest(places.tokenizer, STAGE).counts
    return {name: found[name] for name in _REPORTED if name in found}


def _tokenizer_of(base: str, places: Places) -> Path:
    """A folder with the checkpoint's tokenizer.json: its own, or one written from what it has instead."""
    if (Path(base) / TOKENIZER_FILE).is_file():
        return Path(base)
    tokenizer = open_tokenizer(base, role=f"--model {base}")
    tokenizer.save_pretrained(places.base_tokenizer)
    return places.base_tokenizer


def _hash(file: Path) -> str:
    """Of a tokenizer that cannot be written so there is none: it is refused where it is opened."""
    return hash_file(file) if file.is_file() else ""
