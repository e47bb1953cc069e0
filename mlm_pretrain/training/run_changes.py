"""Whether a resumed run is the one that was stopped: its settings, what it reads, the rows of a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.progress import say
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.run_folder import read_run

# Settings that change no weight. Data and the run before may have moved: their content is compared.
HARMLESS = {
    "out", "data", "name", "follows", "workers", "log_every", "validate_every", "checkpoint_minutes",
    "keep_checkpoints", "on_spike", "spike_nats", "probes",
}  # fmt: skip
_WITH_FOLDER = ("replay", "guard")
_BATCH = ("batch_size", "accumulation")


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
    out: Path, config: dict[str, Any], processes: int, hashes: Mapping[str, str | None]
) -> None:
    """Refuse to resume another run than the one that lies in `out`.

    Args:
        hashes: of what it reads, by what it is to the run.

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
    for name, content in hashes.items():
        old = record.get(f"{name}_hash", content)  # older runs had data alone
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
    harmless = HARMLESS.union(left_out)
    # A setting that did not exist when the run began has changed nothing in it.
    names = [name for name in now if name not in harmless and name in before]
    pairs = {name: (_compared(name, before[name]), _compared(name, now[name])) for name in names}
    return [f"{name}: {old!r} → {new!r}" for name, (old, new) in pairs.items() if old != new]


def _compared(name: str, value: Any) -> Any:
    """A setting without the folder in it, which may have moved: what it holds is compared."""
    if name in _WITH_FOLDER and isinstance(value, dict):
        return {k: v for k, v in value.items() if k != "data"}
    return value


def _rows_a_step(config: dict[str, Any], processes: int) -> int:
    return int(config["batch_size"] * config["accumulation"] * processes)
