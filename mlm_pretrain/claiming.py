"""Output folders: new or empty, or what this package wrote before; found out before any work is done."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from mlm_pretrain.errors import DiskFull, InputError
from mlm_pretrain.extension import EXTENSION_FILE
from mlm_pretrain.manifest import MANIFEST, UNFINISHED

# What an exported model consists of; its manifest comes last.
_MODEL_FILES = {
    "README.md", "config.json", "generation_config.json", "metrics.json", "model.safetensors",
    "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", EXTENSION_FILE,
    "heads.safetensors", "causal", "generator", "adapters",
}  # fmt: skip


# Who trains in a folder, and what a run was asked for.
RUNNING_FILE, RUN_FILE = "running.json", "run.json"
PHASES_FILE = "phases.json"  # of a folder of several runs, one after the other
SEARCH_FILE = "search_plan.json"  # of a folder of trials
ADAPTATION_FILE = "adaptation.json"  # of a folder of an adaptation
_OUR_MARKS = (RUNNING_FILE, RUN_FILE, PHASES_FILE, SEARCH_FILE, ADAPTATION_FILE, UNFINISHED)
_NEW = ".new"  # ends the name of what will replace a folder
# What is there when a run was killed before it could say what it was asked for.
_FALSE_START = {
    RUNNING_FILE, "tokenizer", f"{RUN_FILE}.partial", f"{PHASES_FILE}.partial", f"{ADAPTATION_FILE}.partial",
}  # fmt: skip
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_outermost_way_out: ContextVar[str | None] = ContextVar("outermost_way_out", default=None)


@contextmanager
def telling_of_a_full_disk(folder: str | Path, way_out: str) -> Iterator[None]:
    """Within it, a disk that fills up is an error that names `folder` and says what to do.

    Of several around each other the outermost says that: it is what the user began, and can go on with.

    Raises:
        DiskFull: for a full disk, an exceeded quota, or a file that may not grow further.
    """
    way_out = _outermost_way_out.get() or way_out
    token = _outermost_way_out.set(way_out)
    try:
        yield
    except Exception as error:
        reason = _says_no_room(error)
        if reason is None:
            raise
        problem = f"{folder}: cannot be written further ({reason})"
        raise DiskFull(problem, way_out) from None
    finally:
        _outermost_way_out.reset(token)


def _says_no_room(error: Exception) -> str | None:
    """The system's words for it; libraries in Rust pass them on in errors of their own."""
    if isinstance(error, OSError):
        return error.strerror if error.errno in _NO_ROOM else None
    words = () if isinstance(error, InputError) else map(os.strerror, sorted(_NO_ROOM))
    return next((reason for reason in words if reason in str(error)), None)


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


def check_output(folder: str | Path, overwrite: bool = False) -> None:
    """Find out whether `claim_output` would take `folder`, and touch nothing: before long work comes first.

    Raises:
        InputError: as `claim_output`.
    """
    folder = Path(folder)
    try:
        if folder.is_file():
            raise InputError(f"{folder}: is a file, not a folder", "choose another --out")
        if folder.is_dir() and any(folder.iterdir()) and not _is_false_start(folder):
            _refuse(folder, overwrite)
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except OSError as error:
        raise _cannot_be_made(folder, error) from None
    if not place.is_dir():
        raise InputError(f"{folder}: cannot be made ({place} is a file)", "choose another --out")
    _require_rights(place)


@contextmanager
def written_whole(folder: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """An empty folder to write into, which is `folder` when all went well; else nothing is left of it.

    What `overwrite` replaces stays until the new is there, so that a mistake in the new loses nothing. What a
    process leaves that is killed at any moment is known as ours, and the next one may replace it.

    Raises:
        InputError: as `claim_output`, and for a disk that fills up meanwhile.
    """
    with (
        telling_of_a_full_disk(folder, "free some space and run again"),
        _emptied_on_errors(Path(folder), overwrite) as place,
    ):
        yield place


@contextmanager
def _emptied_on_errors(folder: Path, overwrite: bool) -> Iterator[Path]:
    is_replaced = overwrite and folder.is_dir() and any(folder.iterdir())
    if is_replaced:
        _refuse_foreign(folder)
        make_writable(folder)
        place = claim_output(folder.resolve().with_name(f"{folder.resolve().name}{_NEW}"), True)
    else:
        place = claim_output(folder, overwrite)
    try:
        (place / UNFINISHED).touch()
        yield place
    except BaseException:
        _empty(place)
        if is_replaced:
            place.rmdir()
        raise
    if is_replaced:
        _replace(folder, place)
    (folder / UNFINISHED).unlink(missing_ok=True)


def _replace(folder: Path, place: Path) -> None:
    """Put what lies in `place` into `folder`, instead of all that is there; either is marked meanwhile."""
    claim_output(folder, overwrite=True)
    (folder / UNFINISHED).touch()
    for path in sorted(place.iterdir(), key=lambda path: path.name == MANIFEST):
        if path.name != UNFINISHED:
            path.rename(folder / path.name)
    _empty(place)
    place.rmdir()


def clear_unfinished(folder: Path) -> None:
    """Remove what a process that was killed left beside those folders in `folder` that it would replace."""
    for place in folder.glob(f"*{_NEW}"):
        if place.is_dir() and ((place / UNFINISHED).is_file() or not any(place.iterdir())):
            _empty(place)
            place.rmdir()


def clear_false_start(folder: Path) -> None:
    """Remove what a run left that was killed before it began: nobody else's, and of no use to anyone."""
    if _is_false_start(folder):
        _empty(folder)


def _is_false_start(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return RUNNING_FILE in names and names <= _FALSE_START


def make_writable(folder: str | Path) -> None:
    """Find out before the work that files can be written into `folder`, which is made if need be.

    Raises:
        InputError: naming the folder and what stands in the way.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_made(folder, error) from None
    _require_rights(Path(folder))


def _require_rights(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: is read-only", "choose another --out")


def _cannot_be_made(folder: str | Path, error: OSError) -> InputError:
    return InputError(f"{folder}: cannot be made ({error.strerror})", "choose another --out")


def _refuse(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it may and can be emptied."""
    if not overwrite:
        raise InputError(
            f"{folder}: is not empty", "choose another --out, or pass --overwrite to replace it"
        )
    _refuse_foreign(folder)
    _require_rights(folder)


def _clear(folder: Path, overwrite: bool) -> None:
    _refuse(folder, overwrite)
    with suppress(OSError):  # a full disk, which this may be to make room on
        (folder / UNFINISHED).touch()
    _empty(folder)


def _empty(folder: Path) -> None:
    """Remove all that is in it: first what says that it is whole, and at the end the mark that it is ours."""
    order = {MANIFEST: 0, UNFINISHED: 2}
    for path in sorted(folder.iterdir(), key=lambda path: order.get(path.name, 1)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _refuse_foreign(folder: Path) -> None:
    """`--overwrite` deletes only what this package wrote, never a home folder by mistake."""
    is_ours = any((folder / name).is_file() for name in _OUR_MARKS) or _holds_manifest(folder)
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
