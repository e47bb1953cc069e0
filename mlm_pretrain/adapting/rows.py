"""Text → packed rows, one folder for each text and vocabulary, made once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.corpus import ReadOptions, fingerprint_corpus
from mlm_pretrain.errors import InputError
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import hash_file
from mlm_pretrain.packing import PrepareConfig, prepare

_STAGE = "prepare"


def packed(
    text: Sequence[str], tokenizer: str | Path, folder: Path, config: PrepareConfig
) -> dict[str, Any]:
    """What `prepare` counts of `text`, which lies in `folder` now; what is there already is used.

    Raises:
        InputError: for text or a tokenizer that cannot be used.
    """
    from mlm_pretrain.manifest import read_manifest

    inputs = {"corpus": str(fingerprint_corpus(text, config.read)["xxh3_128"])}
    if (file := Path(tokenizer) / "tokenizer.json").is_file():
        inputs["tokenizer"] = hash_file(file)
    if not is_made(folder, _STAGE, config.model_dump(mode="json"), inputs):
        prepare(list(text), tokenizer, folder, config, overwrite=True)
    return read_manifest(folder, _STAGE).counts


def packing_of(config: AdaptConfig, text: str, is_ours: bool) -> PrepareConfig:
    """How a text is cut: the domain's and general text keep some for validation, others are all trained on.

    Args:
        text: which it is: "domain", "general", "task" or "control".
        is_ours: whether it lies in a file that the adaptation wrote.
    """
    read = ReadOptions() if is_ours else config.read
    changed: dict[str, Any] = {"read": read, "tokenizer_revision": config.revision}
    if text in ("task", "control"):
        changed["validation_share"] = 0.0
    return config.prepare.model_copy(update=changed)


def require_rows(counts: dict[str, Any], text: str, rows: int, way_out: str) -> None:
    """Refuse text that fills fewer rows than a batch takes, before anything is trained."""
    if (found := counts["train"]["rows"]) < rows:
        raise InputError(f"the {text} text fills {found} rows, fewer than {rows}", way_out)
