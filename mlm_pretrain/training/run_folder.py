"""The folder of a run: what was asked for, its checkpoints, its final model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
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
from mlm_pretrain.redaction import redacted_values
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.checkpoints.finding import STAGE, newest_name
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.run_log import cut_log, log_facts

MODEL_FOLDER = "model"
TOKENIZER_FOLDER = "tokenizer"
# Checkpoints have manifests of their own, and may be removed when the run is finished.
COMES_AND_GOES = ("checkpoint-", RUNNING_FILE)
# Settings that change no weight. Data and the run before may have moved: their content is compared.
_HARMLESS = {
    "out", "data", "name", "follows", "workers", "log_every", "validate_every", "checkpoint_minutes",
    "keep_checkpoints", "on_spike", "spike_nats", "probes",
}  # fmt: skip
_RUN_DAMAGED = "put the file back, or start the run again with --overwrite"
_BATCH = ("batch_size", "accumulation")


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
    out: Path, config: dict[str, Any], data_hash: str, processes: int, followed_hash: str | None
) -> None:
    """Record what the run was asked for, before its first step, and copy the data's tokenizer."""
    copy = Path(shutil.copytree(Path(config["data"]) / TOKENIZER_FOLDER, out / TOKENIZER_FOLDER))
    names = sorted(path for path in copy.rglob("*") if path.is_file())
    record = {
        "config": redacted_values(config),
        "data_hash": data_hash,
        "followed_hash": followed_hash,
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


def with_home(value: Any) -> Any:
    """A path below the home folder as it was given, before it was written with ~; in sections too."""
    if isinstance(value, dict):
        return {k: with_home(v) for k, v in value.items()}
    is_path = isinstance(value, str) and value.startswith("~")
    return str(Path(value).expanduser()) if is_path else value


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
    return {
        name: before[name]
        for name, value in is_open.items()
        if getattr(config, name) == value and name in before
    }


def fit_to_processes(out: Path, config: PretrainConfig, processes: int) -> PretrainConfig:
    """With other processes than the run in `out` had, the accumulation or batch that keeps a step's rows.

    Raises:
        InputError: when the rows of a step cannot be shared out evenly.
    """
    record = read_run(out)
    before = {name: record["config"][name] for name in _BATCH}
    if record["processes"] == processes or any(getattr(config, n) != before[n] for n in _BATCH):
        return config
    rows = before["batch_size"] * before["accumulation"] * record["processes"]
    shares, rest = divmod(rows, processes)
    if rest:
        raise InputError(
            f"{out}: a step has {rows} rows, which {processes} processes cannot share evenly",
            f"resume with {record['processes']}, or with any number that divides {rows}",
        )
    batch = max(n for n in range(1, min(before["batch_size"], shares) + 1) if shares % n == 0)
    say(
        f"{out}: {record['processes']} → {processes} processes, each with batches of {batch} and "
        f"{shares // batch} of them a step: the same {rows} rows a step, in the same order"
    )
    return config.model_copy(update={"batch_size": batch, "accumulation": shares // batch})


def check_same(
    out: Path, config: dict[str, Any], data_hash: str, processes: int, followed_hash: str | None
) -> None:
    """Refuse to resume another run than the one that lies in `out`.

    Raises:
        InputError: listing every changed setting as old → new.
    """
    record = read_run(out)
    before = record["config"]
    is_shared_anew = record["processes"] != processes
    changed = changed_settings(before, config, _BATCH if is_shared_anew else ())
    rows = [_rows_a_step(before, record["processes"]), _rows_a_step(config, processes)]
    if is_shared_anew and rows[0] != rows[1]:
        changed.append(f"rows a step: {rows[0]} → {rows[1]}")
    for name, content in (("data", data_hash), ("followed", followed_hash)):
        old = record.get(f"{name}_hash", content)  # older runs followed none
        if old != content:
            changed.append(f"{name}: content {old} → {content}")
    if changed:
        raise InputError(
            f"{out}: --resume with other settings: " + "; ".join(changed),
            "resume with the old settings, or start a new run with --init on this one's export",
        )


def changed_settings(
    before: dict[str, Any], now: dict[str, Any], left_out: Iterable[str] = ()
) -> list[str]:
    """Settings that change a run's result and are not what they were, each as "name: old → new"."""
    harmless = _HARMLESS.union(left_out)
    return [
        f"{name}: {before[name]!r} → {now[name]!r}"
        for name in now
        # A setting that did not exist when the run began has changed nothing in it.
        if name not in harmless and name in before and before[name] != now[name]
    ]


def _rows_a_step(config: dict[str, Any], processes: int) -> int:
    return int(config["batch_size"] * config["accumulation"] * processes)


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
