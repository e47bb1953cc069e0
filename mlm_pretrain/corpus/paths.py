"""Turn what a user names (file, folder, pattern) into the files to read, in a fixed order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.opening import COMPRESSIONS
from mlm_pretrain.corpus.sources import FILE_SOURCES, UNCOMPRESSED_ONLY
from mlm_pretrain.errors import InputError


def format_of(path: Path) -> str | None:
    """The extension under which a file is read (".jsonl" for a.jsonl.gz), None if it is not."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSIONS:
        inner = Path(path.stem).suffix.lower()
        return inner if inner in FILE_SOURCES and inner not in UNCOMPRESSED_ONLY else None
    return suffix if suffix in FILE_SOURCES else None


def expand(spec: str, audit: Audit) -> list[Path]:
    """The files of a path, folder (recursive) or glob pattern, sorted by name.

    In folders and patterns, hidden files, links to folders and unknown extensions are skipped and
    counted. A file that is named itself must have a known extension.

    Raises:
        InputError: when nothing is there, or nothing that can be read.
    """
    path = Path(spec).expanduser()
    if path.is_dir():
        return _readable(spec, _walk(path, audit), audit)
    if path.exists():
        return [_checked(path)]
    matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 (absolute patterns)
    if matches:
        files = (f for match in matches for f in _files_under(Path(match), audit))
        return _readable(spec, files, audit)
    if glob.has_magic(spec):
        raise InputError(f"{spec}: no file matches", "check the pattern, and quote it in a shell")
    raise InputError(f"{spec}: no such file or folder", f"the current folder is {Path.cwd()}")


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: is not a regular file", "write it to a file first")
    if format_of(path) is None:
        known = ", ".join(FILE_SOURCES)
        raise InputError(
            f"{path}: unknown extension",
            f"known: {known}, each also with .gz or .zst (except .parquet); unpack or rename it",
        )
    return path


def _files_under(path: Path, audit: Audit) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path, audit)
    else:
        yield path


def _walk(folder: Path, audit: Audit) -> Iterator[Path]:
    """Files below `folder` in sorted order. Links to folders are not followed: they may loop."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = folder / entry.name
        if entry.name.startswith("."):
            audit.note("skipped_hidden", str(path))
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, audit)
        elif entry.is_dir():
            audit.note("skipped_links", str(path))
        else:
            yield path


def _readable(spec: str, files: Iterator[Path], audit: Audit) -> list[Path]:
    kept: list[Path] = []
    skipped: list[Path] = []
    for path in files:
        usable = format_of(path) is not None and path.is_file()
        (kept if usable else skipped).append(path)
    for path in skipped:
        audit.note("skipped_files", str(path))
    if not kept:
        found = f"{len(skipped)} of other kinds, such as {skipped[0].name}" if skipped else "none"
        raise InputError(
            f"{spec}: no file that can be read (found {found})",
            f"known extensions: {', '.join(FILE_SOURCES)}, also with .gz or .zst",
        )
    return list(dict.fromkeys(kept))
