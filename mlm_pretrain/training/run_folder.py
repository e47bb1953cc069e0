"""The folder of a run: what was asked for, its checkpoints, its final model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import RUN_FILE, RUNNING_FILE
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.record import METRICS_FILE
from mlm_pretrain.manifest import (
    MANIFEST,
    describe_file,
    hash_json,
    read_manifest,
    verify,
    verify_files,
    versions,
    write_json,
)
from mlm_pretrain.progress import say
from mlm_pretrain.redaction import redacted_values, with_home
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.checkpoints.finding import STAGE, newest_name
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.run_log import cut_log, log_facts

MODEL_FOLDER = "model"
TOKENIZER_FOLDER = "tokenizer"
# Checkpoints have manifests of their own, and may be removed when the run is finished.
COMES_AND_GOES = ("checkpoint-", RUNNING_FILE)
_RUN_DAMAGED = "put the file back, or start the run again with --overwrite"


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
            f"{out}: needs {_size(needed)}, has {_size(free)}",
            "free some space, choose another --out, or lower keep_checkpoints",
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def write_run(
    out: Path, config: dict[str, Any], processes: int, hashes: Mapping[str, str | None]
) -> None:
    """Record what the run was asked for, before its first step, and copy the data's tokenizer.

    Args:
        hashes: of what it reads, by what it is to the run.
    """
    copy = Path(shutil.copytree(Path(config["data"]) / TOKENIZER_FOLDER, out / TOKENIZER_FOLDER))
    names = sorted(path for path in copy.rglob("*") if path.is_file())
    record = {
        "config": redacted_values(config),
        **{f"{role}_hash": content for role, content in hashes.items()},
        "processes": processes,
        "tokenizer": {p.relative_to(out).as_posix(): describe_file(p) for p in names},
        "versions": versions(),
    }
    write_sealed(out / RUN_FILE, record)


def read_run(out: str | Path) -> dict[str, Any]:
    """The record in `run.json`, and the tokenizer's files as it lists them.

    Raises:
        InputError: when the folder holds no run, or what it holds was altered.
    """
    path = Path(out) / RUN_FILE
    record = read_sealed(path)
    if not isinstance(record.get("config"), dict):
        raise InputError(f"{path}: is damaged", _RUN_DAMAGED)
    verify_files(Path(out), record.get("tokenizer", {}))
    return {**record, "config": with_home(record["config"])}


def write_sealed(path: Path, record: dict[str, Any]) -> None:
    """Write a record that `read_sealed` can tell from an altered one."""
    write_json(path, {**record, "seal": hash_json(record)})


def read_sealed(path: Path) -> dict[str, Any]:
    """A record of a run, as it was written.

    Raises:
        InputError: when it is missing, or was altered.
    """
    try:
        record = dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{path.parent}: no {path.name}, so no run started there", "start one without --resume"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", _RUN_DAMAGED) from None
    except (ValueError, TypeError):
        raise InputError(f"{path}: is damaged", _RUN_DAMAGED) from None
    seal = record.pop("seal", None)
    if seal is not None and seal != hash_json(record):
        raise InputError(f"{path}: its checksum does not match its content", _RUN_DAMAGED)
    return record


def recorded_choices(out: Path, config: PretrainConfig) -> dict[str, Any]:
    """What the run in `out` chose for the settings that `config` leaves open.

    A resumed run takes them, whatever would be chosen now: another machine, or another version of this
    package, may find another method faster or another rate better.
    """
    before = {"attention": "masks", **read_run(out)["config"]}  # what there was before methods
    is_open = {
        "attention": "auto", "batch_size": 0, "learning_rate": 0.0, "workers": None, "revision": None,
        "optimizer_state": "auto",
    }  # fmt: skip
    found = {
        name: before[name]
        for name, value in is_open.items()
        if getattr(config, name) == value and name in before
    }
    if config.lora is not None and config.lora.head is None and before.get("lora"):
        found["lora"] = config.lora.model_copy(update={"head": before["lora"]["head"]})
    return found


def finished_result(out: Path) -> dict[str, Any] | None:
    """What the run in `out` returned, if it was finished and all it wrote is as it was.

    Raises:
        InputError: naming the file that is not, when there is no checkpoint to write it from again.
    """
    if not (out / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(out, "pretrain")
        verify(out, manifest)
    except InputError as error:
        if newest_name(out) is None:
            raise
        say(f"{error.problem}; writing the model again from the last checkpoint")
        (out / MANIFEST).unlink()
        return None
    result = {"out": str(out), **manifest.counts}
    if (out / METRICS_FILE).is_file():
        result |= json.loads((out / METRICS_FILE).read_text(encoding="utf-8"))
    return result


def progress_facts(out: Path, budget: Budget) -> dict[str, Any]:
    """What a checkpoint remembers of the run beyond its training: time used, and the log."""
    return {
        "elapsed_seconds": budget.elapsed_seconds,
        "setup_seconds": budget.setup_seconds,
        **log_facts(out),
    }


def restore_progress(checkpoint: Path, budget: Budget) -> int:
    """Set `budget` and log to what they were when `checkpoint` was written; the steps made until then."""
    counts = read_manifest(checkpoint, STAGE).counts
    budget.elapsed_seconds = float(counts["elapsed_seconds"])
    budget.setup_seconds = float(counts.get("setup_seconds", 0.0))
    cut_log(checkpoint.parent, counts)
    return int(counts["step"])
