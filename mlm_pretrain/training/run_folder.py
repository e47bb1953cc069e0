"""The folder of a run: what was asked for, its checkpoints, its final model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.record import METRICS_FILE
from mlm_pretrain.manifest import MANIFEST, read_manifest, verify, versions, write_manifest
from mlm_pretrain.progress import say
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.pretrain_config import PretrainConfig

RUN_FILE = "run.json"
MODEL_FOLDER = "model"
_CHECKPOINT = "checkpoint"
# Settings that change no weight. The data may have moved: its content is compared.
_HARMLESS = {
    "out", "data", "workers", "log_every", "validate_every", "checkpoint_minutes", "keep_checkpoints",
}  # fmt: skip


def require_space(out: Path, parameters: int, keep_checkpoints: int) -> None:
    """Room on the disk for the final model and the checkpoints, before any work.

    A checkpoint holds the weights and two numbers a weight for the optimiser, in fp32; the oldest goes
    only when the newest is there.

    Raises:
        InputError: with the gigabytes that are needed and free.
    """
    needed = 4 * parameters * (1 + 3 * (keep_checkpoints + 1))
    place = next(path for path in (out, *out.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"{out}: needs {needed / 1e9:.2f} GB, has {free / 1e9:.2f} GB",
            "free some space, choose another --out, or lower keep_checkpoints",
        )


def write_run(out: Path, config: dict[str, Any], data_hash: str, processes: int) -> None:
    """Record what the run was asked for, before its first step."""
    record = {
        "config": config,
        "data_hash": data_hash,
        "processes": processes,
        "versions": versions(),
    }
    (out / RUN_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read_run(out: str | Path) -> dict[str, Any]:
    """The record in `run.json`.

    Raises:
        InputError: when the folder holds no run.
    """
    path = Path(out) / RUN_FILE
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(
            f"{out}: no {RUN_FILE}, so no run started there", "start one without --resume"
        ) from None
    except ValueError:
        raise InputError(f"{path}: is damaged", "start the run again with --overwrite") from None


def recorded_choices(out: Path, config: PretrainConfig) -> dict[str, Any]:
    """What the run in `out` chose for the settings that `config` leaves open.

    A resumed run takes them, whatever would be chosen now: another machine, or another version of this
    package, may find another method faster or another rate better.
    """
    before = {"attention": "masks", **read_run(out)["config"]}  # what there was before methods
    is_open = {"attention": "auto", "batch_size": 0, "learning_rate": 0.0, "workers": None}
    return {
        name: before[name]
        for name, value in is_open.items()
        if getattr(config, name) == value and name in before
    }


def check_same(out: Path, config: dict[str, Any], data_hash: str, processes: int) -> None:
    """Refuse to resume another run than the one that lies in `out`.

    Raises:
        InputError: listing every changed setting as old → new.
    """
    record = read_run(out)
    before = record["config"]
    changed = [
        f"{name}: {before.get(name)!r} → {config[name]!r}"
        for name in config
        # A setting that did not exist when the run began has changed nothing in it.
        if name not in _HARMLESS and name in before and before[name] != config[name]
    ]
    if record["processes"] != processes:  # they share out the rows, so a step would see others
        changed.append(f"processes: {record['processes']} → {processes}")
    if record["data_hash"] != data_hash:
        changed.append(f"data: content {record['data_hash']} → {data_hash}")
    if changed:
        raise InputError(
            f"{out}: --resume with other settings: " + "; ".join(changed),
            "resume with the old settings, or start a new run with --init on this one's export",
        )


def finished_result(out: Path) -> dict[str, Any] | None:
    """What the run in `out` returned, if it was finished."""
    if not (out / MANIFEST).is_file():
        return None
    result = {"out": str(out), **read_manifest(out, "pretrain").counts}
    if (out / METRICS_FILE).is_file():
        result |= json.loads((out / METRICS_FILE).read_text(encoding="utf-8"))
    return result


def seal_checkpoint(folder: Path, step: int, budget: Budget) -> None:
    """Mark a checkpoint as complete, with the checksum of each of its files.

    The pickled arguments go: nothing reads them, and they would carry a Hub token.
    """
    (folder / "training_args.bin").unlink(missing_ok=True)
    counts = {
        "step": step,
        "elapsed_seconds": budget.elapsed_seconds,
        "setup_seconds": budget.setup_seconds,
    }
    write_manifest(folder, _CHECKPOINT, {}, {}, counts)


def rotate_checkpoints(out: Path, keep: int) -> None:
    """Keep the `keep` newest sealed checkpoints; older ones go, sealed or not.

    Only what is sealed counts, so that the last whole one stays until the next is whole too.
    """
    numbered = _checkpoints(out)
    sealed = [number for number, path in numbered if (path / MANIFEST).is_file()]
    oldest = sealed[:keep][-1] if sealed else 0
    for number, path in numbered:
        if number < oldest:
            shutil.rmtree(path)


def restore_progress(checkpoint: Path, budget: Budget) -> int:
    """Set what `budget` had used when `checkpoint` was written; the steps made until then."""
    counts = read_manifest(checkpoint, _CHECKPOINT).counts
    budget.elapsed_seconds = float(counts["elapsed_seconds"])
    budget.setup_seconds = float(counts.get("setup_seconds", 0.0))
    return int(counts["step"])


def newest_checkpoint(out: Path) -> Path | None:
    """The newest whole checkpoint; incomplete or damaged ones are named and skipped."""
    for _, path in _checkpoints(out):
        try:
            verify(path, read_manifest(path, _CHECKPOINT))
        except InputError as error:
            say(f"{path}: skipped, since it is not whole ({error.problem})")
        else:
            return path
    return None


def _checkpoints(out: Path) -> list[tuple[int, Path]]:
    """Step and folder of every checkpoint, whole or not, the newest first."""
    found = [(m, p) for p in out.iterdir() if (m := re.fullmatch(r"checkpoint-(\d+)", p.name))]
    return sorted(((int(m[1]), p) for m, p in found), reverse=True)
