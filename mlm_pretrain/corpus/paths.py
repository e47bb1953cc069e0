"""Turn what a user names (file, folder, pattern) into the files to read, in a fixed order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.opening import COMPRESSIONS, how_to_unpack, inner_suffix
from mlm_pretrain.corpus.sources import FILE_SOURCES, UNCOMPRESSED_ONLY
from mlm_pretrain.errors import InputError

_LONGEST_SPEC = 200


def format_of(path: Path) -> str | None:
    """The extension under which a file is read (".jsonl" for a.jsonl.gz), None if it is not."""
    suffix = inner_suffix(path)
    if suffix in UNCOMPRESSED_ONLY and path.suffix.lower() in COMPRESSIONS:
        return None
    return suffix if suffix in FILE_SOURCES else None


def expand(spec: str, audit: Audit) -> list[Path]:
    """The files of a path, folder (recursive) or glob pattern, sorted by name.

    In folders and patterns, hidden files, unknown extensions and links that lead to folders, out of
    the folder or nowhere are skipped and counted. A file that is named itself, or matched by a
    pattern, may be a link; it must have a known extension.

    Raises:
        InputError: when nothing is there, or nothing that can be read.
    """
    if not spec.strip():  # an unset variable of a shell; as a path it would be the current folder
        raise InputError("an empty name of a corpus", "name a file, a folder, or installed-docs")
    try:
        return _expand(spec, audit)
    except (OSError, RuntimeError, ValueError) as error:
        # No right to look, no such user, a name too long or with a NUL.
        detail = getattr(error, "strerror", None) or error
        raise InputError(f"{spec[:_LONGEST_SPEC]}: cannot be read ({detail})") from None


def _expand(spec: str, audit: Audit) -> list[Path]:
    path = Path(spec).expanduser()
    if path.is_dir():
        return _readable(spec, _walk(path, audit), audit)
    if path.exists():
        return [_checked(path)]
    matches = _matches(path, audit)
    if matches:
        files = (f for match in matches for f in _files_under(match, audit))
        return _readable(spec, files, audit)
    if glob.has_magic(spec):
        raise InputError(f"{spec}: no file matches", "check the pattern, and quote it in a shell")
    raise InputError(f"{spec}: no such file or folder", f"the current folder is {Path.cwd()}")


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise InputError(f"{path}: is not a regular file", "write it to a file first")
    if format_of(path) is None:
        known = ", ".join(FILE_SOURCES)
        kinds = f"known: {known}, each also with .gz or .zst (except .parquet); rename it"
        archive = how_to_unpack(path)
        problem = "is an archive of a kind that is not opened" if archive else "unknown extension"
        raise InputError(f"{path}: {problem}", archive or kinds)
    return path


def _matches(pattern: Path, audit: Audit) -> list[Path]:
    """What a pattern matches, hidden files only if it says so.

    `glob.glob` would follow links to folders, and two of them to their own folder lead to more
    paths than can be counted.
    """
    magic = next((n for n, part in enumerate(pattern.parts) if glob.has_magic(part)), None)
    if magic is None:
        return []
    root, rest = Path(*pattern.parts[:magic]), pattern.parts[magic:]
    found = sorted(root.glob(str(Path(*rest))), key=str)
    if any(part.startswith(".") for part in rest):
        return found
    shown = []
    for path in found:
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            audit.note("skipped_hidden", str(path))
        else:
            shown.append(path)
    return shown


def _files_under(path: Path, audit: Audit) -> Iterator[Path]:
    if path.is_dir() and path.is_symlink():
        audit.note("skipped_links", str(path))
    elif path.is_dir():
        yield from _walk(path, audit)
    else:
        yield path


def _walk(folder: Path, audit: Audit, root: Path | None = None) -> Iterator[Path]:
    """Files below `folder` in sorted order.

    Links to folders are not followed, for they may loop, nor any link that leads out of what was
    named: somebody else's folder would decide what of this machine is read.
    """
    root = root or folder.resolve()
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path = folder / entry.name
        if entry.name.startswith("."):
            audit.note("skipped_hidden", str(path))
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, audit, root)
        elif entry.is_symlink() and not _leads_to_file_within(path, root):
            audit.note("skipped_links", str(path))
        else:
            yield path


def _leads_to_file_within(link: Path, root: Path) -> bool:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # to nowhere, or to itself
        return False
    return target.is_file() and target.is_relative_to(root)


def _readable(spec: str, files: Iterator[Path], audit: Audit) -> list[Path]:
    kept: list[Path] = []
    skipped: list[Path] = []
    for path in files:
        usable = format_of(path) is not None and path.is_file()
        (kept if usable else skipped).append(path)
    for path in skipped:
        audit.note("skipped_files", str(path))
    if not kept:
        raise _without_files(spec, skipped, audit)
    return list(dict.fromkeys(kept))


def _without_files(spec: str, skipped: list[Path], audit: Audit) -> InputError:
    found = f"{len(skipped)} of other kinds, such as {skipped[0].name}" if skipped else "none"
    links = audit.counts["skipped_links"]
    problem = f"{spec}: no file that can be read (found {found}{f', {links} links' * bool(links)})"
    if links and not skipped:
        return InputError(
            problem, "links that lead out of a folder are read by a pattern: FOLDER/*"
        )
    known = f"known extensions: {', '.join(FILE_SOURCES)}, also with .gz or .zst"
    return InputError(problem, (how_to_unpack(skipped[0]) if skipped else "") or known)
