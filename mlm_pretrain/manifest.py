"""The contract between stages: every stage writes a folder with a `manifest.json`.

A manifest says which stage wrote the folder, with which settings, from which inputs (by hash), what
was counted, and the size and checksum of every file, so that the next stage can trust what it reads.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash
from pydantic import BaseModel, ConfigDict

from mlm_pretrain.errors import InputError

MANIFEST = "manifest.json"
_LIBRARIES = ("torch", "transformers", "datasets", "tokenizers", "numpy")
# What an exported model consists of; its manifest comes last.
_MODEL_FILES = {
    "README.md", "config.json", "generation_config.json", "metrics.json", "model.safetensors",
    "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
}  # fmt: skip


class Manifest(BaseModel):
    """What a stage says about the folder it wrote.

    `files` maps a name relative to the folder to its bytes and xxh3-128 checksum; `inputs` maps a
    role ("corpus", "tokenizer", "data") to the path given and the hash of what lay there.
    """

    model_config = ConfigDict(extra="forbid")

    stage: str
    config: dict[str, Any]
    inputs: dict[str, dict[str, Any]]
    counts: dict[str, Any]
    files: dict[str, dict[str, Any]]
    versions: dict[str, str]

    @property
    def content_hash(self) -> str:
        """One hash over every file's checksum: equal for equal content, wherever it lies."""
        digest = xxhash.xxh3_128()
        for name in sorted(self.files):
            digest.update(f"{name}:{self.files[name]['xxh3_128']}\n".encode())
        return digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions that a result depends on, without importing the libraries."""
    found = {"python": platform.python_version(), "mlm_pretrain": _version("mlm-pretrain")}
    found.update({name: _version(name) for name in _LIBRARIES})
    return found


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def hash_file(path: str | Path) -> str:
    """xxh3-128 of a file's bytes, as hexadecimal."""
    digest = xxhash.xxh3_128()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(
    folder: str | Path,
    stage: str,
    config: dict[str, Any],
    inputs: dict[str, dict[str, Any]],
    counts: dict[str, Any],
) -> Manifest:
    """Checksum every file in `folder` and write its manifest, last and atomically."""
    folder = Path(folder)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    files = {name: _describe(folder / name) for name in names if name != MANIFEST}
    manifest = Manifest(
        stage=stage, config=config, inputs=inputs, counts=counts, files=files, versions=versions()
    )
    aside = folder / (MANIFEST + ".partial")
    aside.write_text(
        json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    aside.replace(folder / MANIFEST)
    return manifest


def _describe(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "xxh3_128": hash_file(path)}


def read_manifest(folder: str | Path, stage: str) -> Manifest:
    """The manifest of a folder that `stage` wrote.

    Raises:
        InputError: when there is none (an unfinished or foreign folder) or another stage wrote it.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        problem = f"{folder}: no {MANIFEST}, so `{stage}` did not finish there"
        raise InputError(problem, f"write it with `mlm-pretrain {stage} --out {folder}`") from None
    except ValueError as error:
        raise InputError(
            f"{path}: damaged manifest ({str(error).splitlines()[0]})", "write the folder again"
        ) from None
    if manifest.stage != stage:
        raise InputError(
            f"{folder}: written by `{manifest.stage}`, but `{stage}` output is needed here"
        )
    return manifest


def verify(folder: str | Path, manifest: Manifest, checksums: bool = True) -> None:
    """Check that every file listed is there, whole and (with `checksums`) unchanged.

    Raises:
        InputError: naming the first file that is missing, truncated or altered.
    """
    for name, expected in manifest.files.items():
        path = Path(folder) / name
        if not path.is_file():
            raise InputError(
                f"{path}: missing, though the manifest lists it", "write the folder again"
            )
        size = path.stat().st_size
        if size != expected["bytes"]:
            raise InputError(
                f"{path}: {size} bytes, expected {expected['bytes']}", "write the folder again"
            )
        if checksums and hash_file(path) != expected["xxh3_128"]:
            raise InputError(
                f"{path}: its checksum does not match the manifest", "write the folder again"
            )


def claim_output(folder: str | Path, overwrite: bool = False) -> Path:
    """Make `folder` an empty, writable output folder before any work is done.

    Raises:
        InputError: when it holds anything (unless `overwrite`), or cannot be written.
    """
    folder = Path(folder)
    try:
        if folder.is_file():
            raise InputError(f"{folder}: is a file, not a folder", "choose another --out")
        if folder.is_dir() and any(folder.iterdir()):
            _clear(folder, overwrite)
    except OSError as error:
        raise _cannot_be_made(folder, error) from None
    make_writable(folder)
    return folder


def make_writable(folder: str | Path) -> None:
    """Find out before the work that files can be written into `folder`, which is made if need be.

    Raises:
        InputError: naming the folder and what stands in the way.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_made(folder, error) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: is read-only", "choose another --out")


def _cannot_be_made(folder: str | Path, error: OSError) -> InputError:
    return InputError(f"{folder}: cannot be made ({error.strerror})", "choose another --out")


def _clear(folder: Path, overwrite: bool) -> None:
    if not overwrite:
        raise InputError(
            f"{folder}: is not empty", "choose another --out, or pass --overwrite to replace it"
        )
    _refuse_foreign(folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: is read-only", "choose another --out")
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse_foreign(folder: Path) -> None:
    """`--overwrite` deletes only what this package wrote, never a home folder by mistake."""
    is_ours = (folder / "run.json").is_file() or _holds_manifest(folder)
    if not is_ours and not _is_unfinished_model(folder):
        raise InputError(
            f"{folder}: holds files this package did not write, so --overwrite leaves it",
            "remove it by hand, or choose another --out",
        )


def _holds_manifest(folder: Path) -> bool:
    """Whether it has a manifest of ours, damaged perhaps; other programs use the name too."""
    path = folder / MANIFEST
    return path.is_file() and b'"stage"' in path.read_bytes()


def _is_unfinished_model(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return "config.json" in names and names <= _MODEL_FILES
