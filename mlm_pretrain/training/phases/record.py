"""The folder of a training in phases: what was asked for, and how far it is.

phases.json     the settings of every phase, as asked for
1-NAME/ …       the run of each phase, begun when the one before has ended
manifest.json   written last: settings and counts of all, and the checksum of each phase's weights
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import PHASES_FILE, RUN_FILE, RUNNING_FILE
from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST, read_manifest, versions, write_manifest
from mlm_pretrain.redaction import redacted_values, with_home
from mlm_pretrain.training.checkpoints.finding import newest_name
from mlm_pretrain.training.phases.config import placed
from mlm_pretrain.training.pretrain_config import PretrainConfig
from mlm_pretrain.training.run_changes import changed_settings
from mlm_pretrain.training.run_folder import read_run, read_sealed, write_sealed
from mlm_pretrain.training.whole_paths import with_whole_paths

STAGE = "phases"
_SUMMED = ("steps", "tokens", "seconds")
_WAY_OUT = (
    "leave the phases that are begun as they were (those to come may change), or start anew with "
    "--overwrite"
)


def is_phased(out: str | Path) -> bool:
    """Whether `out` is the folder of a training in phases."""
    return (Path(out) / PHASES_FILE).is_file()


def is_begun(run: str | Path) -> bool:
    return (Path(run) / RUN_FILE).is_file()


def is_finished(run: str | Path) -> bool:
    return (Path(run) / MANIFEST).is_file()


def write_phases(out: Path, configs: Sequence[PretrainConfig]) -> None:
    """Record what every phase was asked for."""
    asked = [redacted_values(_asked(config)) for config in configs]
    write_sealed(out / PHASES_FILE, {"phases": asked, "versions": versions()})


def recorded_phases(out: str | Path, changes: dict[str, Any]) -> list[PretrainConfig]:
    """The settings of every phase as they were asked for, but for `changes` to all of them.

    Raises:
        InputError: when the record is missing or damaged, or a change is no setting.
    """
    path = Path(out) / PHASES_FILE
    asked = [{**with_home(config), **changes} for config in read_sealed(path)["phases"]]
    return placed(Path(out), [build_config(PretrainConfig, config, str(path)) for config in asked])


def _asked(config: PretrainConfig) -> dict[str, Any]:
    return with_whole_paths(config).model_dump(mode="json")


def check_begun(out: Path, configs: Sequence[PretrainConfig]) -> None:
    """Refuse other settings or data than those that phases were begun with. Those to come may change.

    Raises:
        InputError: naming the phase, with every change as old → new.
    """
    before = {config["name"]: config for config in read_sealed(out / PHASES_FILE)["phases"]}
    names = {Path(config.out).name: config for config in configs}
    for run in _begun_runs(out):
        if run.name not in names:
            raise InputError(f"{run}: is a phase that the settings do not name any more", _WAY_OUT)
        config = names[run.name]
        changed = changed_settings(before[config.name], redacted_values(_asked(config)))
        if is_finished(run):  # one that is not compares its data itself
            changed += _changed_data(run, config.data)
        if changed:
            raise InputError(
                f"{run}: was begun with other settings: {'; '.join(changed)}", _WAY_OUT
            )


def _begun_runs(out: Path) -> list[Path]:
    found = [run for run in out.iterdir() if re.match(r"\d+-", run.name) and is_begun(run)]
    return sorted(found, key=lambda run: int(run.name.partition("-")[0]))


def _changed_data(run: Path, data: str) -> list[str]:
    try:
        now = read_manifest(data, "prepare").content_hash
    except InputError:  # gone, and not needed any more
        return []
    before = read_run(run)["data_hash"]
    return [] if now == before else [f"data: content {before} → {now}"]


def newest_run(out: str | Path) -> Path:
    """The last phase of a training in `out` that has saved weights; `out` itself where there are no phases.

    Raises:
        InputError: when no phase has.
    """
    if not is_phased(out):
        return Path(out)
    runs = [run for run in _begun_runs(Path(out)) if is_finished(run) or newest_name(run)]
    if not runs:
        raise InputError(
            f"{out}: no complete checkpoint of any phase yet", "let the first one save one"
        )
    return runs[-1]


def finish(out: Path, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write the manifest over all phases.

    Args:
        results: what each phase's run returned.

    Returns:
        The last one's, with sums over all phases, and each phase's own under `phases`.
    """
    runs = [Path(result["out"]) for result in results]
    parts = [{"name": run.name, **result} for run, result in zip(runs, results, strict=True)]
    found = {**results[-1], "out": str(out), "phases": parts}
    found |= {name: round(sum(part[name] for part in parts), 2) for name in _SUMMED}
    found["tokens_per_second"] = round(found["tokens"] / max(found["seconds"], 1e-9))
    found.pop("epochs")  # of the last phase, and of its data
    manifests = {run.name: read_manifest(run, "pretrain") for run in runs}
    inputs = {n: {"path": n, "xxh3_128": m.content_hash} for n, m in manifests.items()}
    settings = {STAGE: {name: manifest.config for name, manifest in manifests.items()}}
    counts = {k: v for k, v in found.items() if k not in ("out", "validation", "phases")}
    counts[STAGE] = {name: manifest.counts for name, manifest in manifests.items()}
    left_out = (RUNNING_FILE, *(f"{run.name}/" for run in runs))
    write_manifest(out, STAGE, settings, inputs, counts, leave_out=left_out)
    return found
