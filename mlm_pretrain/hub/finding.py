"""Which folder a push means: that of a model, or the one within that holds it."""

from __future__ import annotations

from pathlib import Path

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST, Manifest, own_manifest, read_manifest

EXPORT, FINETUNE = "export", "finetune"
_MODEL = "model"  # where an adapted folder keeps what it exported
_EXPORTED = "exported"  # where a run keeps what `--push-to` exported
_RUN_FILES = ("run.json", "phases.json")


def find_model(folder: Path) -> tuple[Path, Manifest]:
    """The folder that holds the model to push, with its manifest.

    That is `folder` where `export` or `finetune` wrote it; else `model/` in it, which is what an adapted
    folder has beside its reports. A run is not exported on the way: its card is to be read before it is
    published.

    Raises:
        InputError: when neither holds a whole model, with the command that makes one of a run.
    """
    for place in (folder, folder / _MODEL):
        manifest = own_manifest(place) if place.is_dir() else None
        if manifest is not None and manifest.stage in (EXPORT, FINETUNE):
            return place, manifest
    _refuse_run(folder)
    return folder, read_manifest(folder, EXPORT)


def _refuse_run(folder: Path) -> None:
    """Say how to go on where `folder` is a run, or lies in one."""
    for run in (folder, folder.parent):
        if not any((run / name).is_file() for name in _RUN_FILES):
            continue
        way_out = f"export it first: mlm-pretrain export {run} --out DIR"
        if (run / _EXPORTED / MANIFEST).is_file():
            way_out = f"push {run / _EXPORTED}, or {way_out}"
        raise InputError(f"{folder}: is no exported model", way_out)
