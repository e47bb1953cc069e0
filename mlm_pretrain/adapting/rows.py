"""Text → packed rows: a folder for each text and vocabulary, made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import GENERAL, variants_of
from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.packing import PrepareConfig, is_prepared, prepare


def pack_all(config: AdaptConfig, places: Places, base: str, has_words: bool) -> dict[str, Any]:
    """Rows of every text that a variant is trained on, and of the general text that is mixed in.

    Args:
        base: folder of the checkpoint.
        has_words: whether tokenizer/ holds a vocabulary with words of the domain.

    Returns:
        What `prepare` counts, by folder below data/.
    """
    grown = str(places.tokenizer) if has_words else base
    wanted: dict[str, tuple[str, str]] = {}
    for variant in variants_of(config):
        tokenizer = grown if variant.has_new_words else base
        wanted[variant.data] = (variant.text, tokenizer)
        if config.general and variant.has_general:
            wanted[variant.general_data] = (GENERAL, tokenizer)
    return {
        name: _packed(_source(config, places, text), tokenizer, places.data(name))
        for name, (text, tokenizer) in wanted.items()
    }


def _source(config: AdaptConfig, places: Places, text: str) -> tuple[Path, PrepareConfig]:
    """Where a text lies, and how it is cut: held-out text of its own, or all of it to train on."""
    changed: dict[str, Any] = {"read": ReadOptions(), "validation_share": 0.0}
    if (held_out := places.held_out(text)) is not None:
        changed["validation_corpus"] = [str(held_out)]
    return places.learnt(text), config.prepare.model_copy(update=changed)


def _packed(source: tuple[Path, PrepareConfig], tokenizer: str, folder: Path) -> Any:
    corpus, config = [str(source[0])], source[1]
    if not is_prepared(corpus, tokenizer, folder, config):
        prepare(corpus, tokenizer, folder, config, overwrite=True)
    return read_manifest(folder, "prepare").counts
