"""Text → packed rows: a folder for each text and vocabulary, made once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import variants_of
from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.packing import PrepareConfig, is_prepared, prepare

GENERAL = "general"


def pack_all(config: AdaptConfig, places: Places, base: str, has_words: bool) -> dict[str, Any]:
    """Rows of every text that a variant is trained on, and of general text where there is some.

    Args:
        base: folder of the checkpoint.
        has_words: whether tokenizer/ holds a vocabulary with words of the domain.

    Returns:
        What `prepare` counts, by folder below data/.
    """
    grown = str(places.tokenizer) if has_words else base
    wanted = {v.data: (v.text, grown if v.has_new_words else base) for v in variants_of(config)}
    if config.general:
        wanted[GENERAL] = (GENERAL, grown)
    return {
        name: _packed(_source(config, places, text), tokenizer, places.data(name))
        for name, (text, tokenizer) in wanted.items()
    }


def _source(config: AdaptConfig, places: Places, text: str) -> tuple[list[str], PrepareConfig]:
    """Where a text lies, and how it is cut: held-out text of its own, or all of it to train on."""
    shared = config.prepare
    if text == "control":
        return config.control, shared.model_copy(
            update={"read": config.read, "validation_share": 0.0}
        )
    changed: dict[str, Any] = {"read": ReadOptions(), "validation_share": 0.0}
    if text == "task":
        return [str(places.texts / "task.jsonl")], shared.model_copy(update=changed)
    if (held_out := places.held_out(text)) is not None:
        changed["validation_corpus"] = [str(held_out)]
    return [str(places.learnt(text))], shared.model_copy(update=changed)


def _packed(source: tuple[Sequence[str], PrepareConfig], tokenizer: str, folder: Path) -> Any:
    corpus, config = source
    if not is_prepared(corpus, tokenizer, folder, config):
        prepare(list(corpus), tokenizer, folder, config, overwrite=True)
    return read_manifest(folder, "prepare").counts
