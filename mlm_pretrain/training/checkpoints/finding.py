"""Which checkpoints lie in a folder, which of them is whole, and which may go."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST, Manifest, read_manifest, verify, verify_files
from mlm_pretrain.progress import say

STAGE = "checkpoint"
ASIDE = ".partial"  # a checkpoint has this ending until it is whole
_SET_ASIDE, _REMOVED = ".aside", ".removed"
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
_NAME = re.compile(r"checkpoint-(\d+)")
# Without one of these a run cannot go on as if it had not been stopped.
_STATES = re.compile(r"(optimizer|scheduler|scaler|generators-\d+)\.safetensors")


def checkpoint_name(step: int | None) -> str:
    return f"checkpoint-{step}"


def is_checkpoint(place: Path) -> bool:
    """Whether `place` is called as a checkpoint of a run is."""
    return _NAME.fullmatch(place.name) is not None


def all_checkpoints(out: Path) -> list[tuple[int, Path]]:
    """Step and folder of every checkpoint that was finished, the newest first."""
    found = [(m, p) for p in out.iterdir() if (m := _NAME.fullmatch(p.name))]
    return sorted(((int(m[1]), p) for m, p in found), reverse=True)


def open_checkpoint(path: Path) -> Manifest:
    """The manifest of a checkpoint all of whose files are there and unchanged.

    Raises:
        InputError: naming the file that is not.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such checkpoint", "check the path")
    pickles = sorted(file.name for file in path.iterdir() if file.suffix in _PICKLES)
    if pickles:
        raise InputError(
            f"{path / pickles[0]}: a pickle, which can hold code",
            "only checkpoints of safetensors are opened; take its weights alone, converted to safetensors",
        )
    manifest = read_manifest(path, STAGE)
    verify(path, manifest)
    step = manifest.counts.get("step")
    if is_checkpoint(path) and path.name != checkpoint_name(step):
        raise InputError(
            f"{path}: is the checkpoint of step {step} under another name",
            f"name it {checkpoint_name(step)}",
        )
    return manifest


def missing_states(path: Path) -> list[str]:
    """Files with a state of the training that the manifest of a checkpoint lists and that are gone."""
    try:
        names = read_manifest(path, STAGE).files
    except InputError:
        return []
    return [name for name in names if _STATES.fullmatch(name) and not (path / name).exists()]


def newest_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint; incomplete or damaged ones are named and skipped.

    Raises:
        InputError: when there are checkpoints and none is whole, or when only the state of the training is
            gone from the newest: somebody took it out, and may want the weights alone.
    """
    for path in out.glob(f"checkpoint-*{ASIDE}"):
        say(f"{path}: skipped, since its saving never ended")
    found = all_checkpoints(out)
    for _, path in found:
        if gone := missing_states(path):
            raise _without_state(path, gone)
        try:
            open_checkpoint(path)
        except InputError as error:
            say(f"{path}: skipped, since it is not whole ({error.problem})")
        else:
            return path
    if found:
        raise InputError(
            f"{out}: none of its {len(found)} checkpoints is whole",
            "start anew with --overwrite",
        )
    return None


def _without_state(path: Path, names: list[str]) -> InputError:
    return InputError(
        f"{path / names[0]}: is missing, and training cannot go on exactly without it",
        "put it back; or go on from the weights alone with --weights-only; or remove the folder "
        f"{path.name} to resume from the checkpoint before",
    )


def newest_name(out: Path) -> Path | None:
    """The newest checkpoint that was finished, its files not looked into."""
    found = all_checkpoints(out) if out.is_dir() else []
    return found[0][1] if found else None


def way_back(out: Path) -> str:
    """What to do about a training that diverged."""
    saved = newest_name(out) or "none"
    return f"lower the learning rate; the last checkpoint from before is {saved}"


def newest_weights(out: Path) -> Path | None:
    """The newest checkpoint whose weights and counts are whole, whatever else is not."""
    for _, path in all_checkpoints(out):
        try:
            manifest = read_manifest(path, STAGE)
            kept = {n: f for n, f in manifest.files.items() if not _STATES.fullmatch(n)}
            verify_files(path, kept)
        except InputError as error:
            say(f"{path}: skipped, since it is not whole ({error.problem})")
        else:
            return path
    return None


def set_aside_newer(out: Path, step: int) -> None:
    """Take checkpoints after `step` out of the count: the run goes on from there, and will write its own.

    Left in place, a damaged one would count as the newest when older ones are removed.
    """
    for ending in (ASIDE, _REMOVED):
        for path in out.glob(f"checkpoint-*{ending}"):
            shutil.rmtree(path)
    for number, path in all_checkpoints(out):
        if number > step:
            away = path.with_name(path.name + _SET_ASIDE)
            shutil.rmtree(away, ignore_errors=True)
            path.rename(away)
            say(f"{path}: set aside as {away.name}; remove it when you do not need it")


def rotate_checkpoints(out: Path, keep: int | None, protected: Path | None = None) -> None:
    """Keep the `keep` newest whole checkpoints; older ones go. None keeps all.

    Args:
        protected: stays in any case, such as the best one by its score.
    """
    numbered = all_checkpoints(out)
    sealed = [number for number, path in numbered if (path / MANIFEST).is_file()]
    oldest = sealed[:keep][-1] if keep and sealed else 0
    for number, path in numbered:
        if number < oldest and (protected is None or path.resolve() != protected.resolve()):
            remove_checkpoint(path)


def remove_checkpoint(path: Path) -> None:
    """Take a checkpoint away at once: one half removed must not look like one that is damaged."""
    if path.exists():
        away = path.with_name(path.name + _REMOVED)
        shutil.rmtree(away, ignore_errors=True)
        path.rename(away)
        shutil.rmtree(away)
