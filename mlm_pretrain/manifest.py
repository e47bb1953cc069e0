"""The contract between stages: every stage writes a folder with a `manifest.json`.

A manifest says which stage wrote the folder, with which settings, from which inputs (by hash), what
was counted, and the size and checksum of every file, so that the next stage can trust what it reads.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import xxhash
from pydantic import BaseModel, ConfigDict

from mlm_pretrain.errors import InputError
from mlm_pretrain.redaction import redacted_values

MANIFEST = "manifest.json"
# Says whose a folder is until its manifest does.
UNFINISHED = ".unfinished-by-mlm-pretrain"
_LIBRARIES = ("torch", "transformers", "datasets", "tokenizers", "numpy")
_MODEL_CONTENT = (".safetensors", "tokenizer.json")


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
    seal: str = ""  # of everything above; manifests of before had none

    @property
    def content_hash(self) -> str:
        """One hash over every file's checksum: equal for equal content, wherever it lies."""
        digest = xxhash.xxh3_128()
        for name in sorted(self.files):
            digest.update(f"{name}:{self.files[name]['xxh3_128']}\n".encode())
        return digest.hexdigest()

    def computed_seal(self) -> str:
        """The checksum of all that this manifest says."""
        return hash_json(self.model_dump(exclude={"seal"}))


def hash_json(content: Any) -> str:
    """xxh3-128 of JSON content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def versions() -> dict[str, str]:
    """Versions that a result depends on, without importing the libraries."""
    found = {"python": platform.python_version(), "mlm_pretrain": _version("mlm-pretrain")}
    found.update({name: _version(name) for name in _LIBRARIES})
    return found


@cache  # a run writes many manifests, and looking it up takes milliseconds
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
    leave_out: tuple[str, ...] = (),
) -> Manifest:
    """Checksum every file in `folder` and write its manifest, last and atomically, without secrets.

    Args:
        leave_out: beginnings of names that it does not list, since they come and go.
    """
    folder = Path(folder)
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    kept = [name for name in names if not name.startswith((MANIFEST, UNFINISHED, *leave_out))]
    files = {name: describe_file(folder / name) for name in kept}
    said: dict[str, Any] = redacted_values({"config": config, "inputs": inputs, "counts": counts})
    manifest = Manifest(stage=stage, files=files, versions=versions(), **said)
    manifest.seal = manifest.computed_seal()
    write_json(folder / MANIFEST, manifest.model_dump())
    return manifest


def write_json(path: Path, content: Any) -> None:
    """Write JSON as `write_text` writes."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write so that a reader finds the old file or the new one, whole, whenever the power fails."""
    aside = path.with_name(path.name + ".partial")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def describe_file(path: Path) -> dict[str, Any]:
    """Bytes and checksum, as `verify_files` takes them."""
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
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from None
    except ValueError as error:
        raise _damaged(path, str(error).splitlines()[0]) from None
    _check_seal(path, manifest)
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
    verify_files(folder, manifest.files, checksums)


def verify_files(
    folder: str | Path, files: dict[str, dict[str, Any]], checksums: bool = True
) -> None:
    """`verify` of files as `describe_file` gave them, by their name in `folder`."""
    for name, expected in files.items():
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


def verify_model(folder: str | Path) -> None:
    """Check the weights and tokenizer in `folder` where a manifest of ours, there or of the run it lies in,
    knows them. A card or a config may have been edited since by its owner; a Hub name has no manifest.

    Raises:
        InputError: naming the file that is missing, truncated or altered, or a damaged manifest.
    """
    folder = Path(folder)
    for home, prefix in ((folder, ""), (folder.parent, f"{folder.name}/")):
        manifest = own_manifest(home)
        if manifest is not None:
            named = {n: f for n, f in manifest.files.items() if n.startswith(prefix)}
            known = {n: f for n, f in named.items() if n.endswith(_MODEL_CONTENT)}
            verify_files(home, known)


def own_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder of ours, or None. Other programs write files of that name too.

    Raises:
        InputError: when it is damaged.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    text = path.read_bytes()
    try:
        manifest = Manifest.model_validate_json(text)
    except ValueError as error:
        if b'"stage"' not in text:
            return None
        raise _damaged(path, str(error).splitlines()[0]) from None
    _check_seal(path, manifest)
    return manifest


def require_manifest(folder: str | Path) -> Manifest:
    """The manifest of a folder that any stage wrote.

    Raises:
        InputError: when there is none of ours, or a damaged one.
    """
    manifest = own_manifest(Path(folder))
    if manifest is None:
        raise InputError(f"{folder}: no {MANIFEST}, so it is no folder that a stage finished")
    return manifest


def relist(folder: str | Path, names: Iterable[str]) -> Manifest:
    """Bring up to date what the manifest in `folder` says of files that were replaced on purpose.

    What it says of every other file stays, so that damage to one is still found.

    Raises:
        InputError: when `folder` has no manifest of ours, or a damaged one.
    """
    folder = Path(folder)
    manifest = require_manifest(folder)
    manifest.files.update((name, describe_file(folder / name)) for name in names)
    manifest.seal = manifest.computed_seal()
    write_json(folder / MANIFEST, manifest.model_dump())
    return manifest


def _check_seal(path: Path, manifest: Manifest) -> None:
    if manifest.seal and manifest.seal != manifest.computed_seal():
        raise InputError(
            f"{path}: its checksum does not match its content", "write the folder again"
        )


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: damaged manifest ({reason})", "write the folder again")
