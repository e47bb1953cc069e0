"""Fine-tuning here and by the libraries' example scripts: the same checkpoint, data and settings, in turn.

    python -m benchmarks.finetuning --model MODEL --data DIR --work DIR [--tasks rte mrpc] [--seeds 5]
    … --train-rows 1000 --validation-rows 1000

Each run is a process of its own, and its seconds are those of the process from start to end. Both get the
example scripts' own settings for their kind of task, and the GPU where there is one. The scripts compute in
fp32, as they do by default, and so does ours; with `--precision auto` ours computes as *it* does by default,
in bf16 where the hardware has it, which the record says beside the task. Both are scored on the validation
split once, as they are after the last epoch (ours with `keep=last`; by default it would score every epoch,
and its best one would be chosen by that split). With `--train-rows` and `--validation-rows` both get the same
few, drawn once, where a task has more. Runs lie in `--work` and are not made again there, unless versions,
settings or, of ours, the code are others; where the machine is not quiet, seconds mean nothing. A task is put
into the record when its runs are done, beside those that the record holds, so that tasks may be measured at
different times.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.finetuning_runs import SPLITS, TASKS, WAYS, Run, config_of
from benchmarks.finetuning_stock import LENGTH, device
from benchmarks.record import RESULTS, add_entries, child_result, circumstances, kept
from mlm_pretrain.compare.tasks import splits_of
from mlm_pretrain.environment import code_hash
from mlm_pretrain.finetune.lines import labelled_lines
from mlm_pretrain.finetune.outputs import describe_input, describe_model
from mlm_pretrain.manifest import hash_json, versions
from mlm_pretrain.precision import Precision, resolve_precision

_ROWS = {split: f"{split}_rows" for split in SPLITS}


def main() -> None:
    """Run what is missing, in turns; print and record."""
    arguments = _parse()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for name in arguments.tasks:
        entry = {**circumstances(_settings(name, arguments)), **_task(name, arguments)}
        key = name if _precision(arguments) == "fp32" else f"{name}, {_precision(arguments)}"
        add_entries("finetuning", {key: entry}, arguments.out)
    print("record:", arguments.out)


def _settings(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    kind = TASKS[name].kind
    rows = {option: getattr(arguments, option) for option in _ROWS.values()}
    given = _run(name, "ours", arguments).settings
    return {
        "model": Path(arguments.model).name, "seeds": arguments.seeds, **given, **rows,
        "max_length": LENGTH[kind], "precision": _precision(arguments), "device": device(),
    }  # fmt: skip


def _precision(arguments: argparse.Namespace) -> Precision:
    """Of ours."""
    return resolve_precision(arguments.precision)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder a task")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--learning-rate", type=float, help="of both [the scripts' own]")
    for split, name in _ROWS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=0, help=f"of the {split} split at most; 0: all")
    parser.add_argument(
        "--precision",
        choices=("fp32", "auto"),
        default="fp32",
        help="of ours; the scripts' is fp32",
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "finetuning.json")
    return parser.parse_args()


def _task(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    each = {way: _run(name, way, arguments) for way in WAYS}
    keys = {way: _key(each[way], way) for way in WAYS}
    for seed in range(arguments.seeds):
        for way in WAYS:
            path = arguments.work / f"{name}-{way}-{seed}-{keys[way]}.json"
            run = each[way]._replace(seed=seed)
            runs[way].append(kept(path, partial(_timed, name, way, run, arguments.work)))
    found = {
        way: {
            "scores": [round(100 * run[TASKS[name].score], 2) for run in of_way],
            "seconds": [round(run["seconds"], 1) for run in of_way],
        }
        for way, of_way in runs.items()
    }
    means = [statistics.mean(found[way]["scores"]) for way in WAYS]
    ratio = statistics.median(found["ours"]["seconds"]) / statistics.median(
        found["stock"]["seconds"]
    )
    print(
        f"{name:8} {TASKS[name].score}: stock {means[0]:.1f}, ours {means[1]:.1f}; time {ratio:.2f}"
    )
    return {
        "score": TASKS[name].score, **found, "time_ratio": round(ratio, 3),
        "inputs": _hashes(_inputs(each["stock"])),
    }  # fmt: skip


def _key(run: Run, way: str) -> str:
    """Of what a run depends on beside the seed."""
    config = config_of(run).model_dump(mode="json")
    code = code_hash() if way == "ours" else ""
    return hash_json([_inputs(run), config, device(), versions(), code])[:8]


def _run(name: str, way: str, arguments: argparse.Namespace) -> Run:
    """One of its runs; the scripts' precision is always the same, so that theirs are made once for both."""
    precision = _precision(arguments) if way == "ours" else "fp32"
    files, rate = _files(name, arguments), arguments.learning_rate
    return Run(TASKS[name], arguments.model, files, 0, "", precision, rate)


def _inputs(run: Run) -> dict[str, dict[str, Any]]:
    """Paths and contents of the model and both splits."""
    data = {split: describe_input(path, None) for split, path in run.files.items()}
    return {"model": describe_model(run.model, None), **data}


def _hashes(inputs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Of the contents, wherever they lie."""
    return {
        role: hash_json({key: value for key, value in found.items() if key != "path"})
        for role, found in inputs.items()
    }


def _files(name: str, arguments: argparse.Namespace) -> dict[str, str]:
    """Both splits as they are, or so many of their rows in files of their own."""
    files = splits_of(arguments.data / TASKS[name].folder)
    return {
        split: _drawn(files[split], arguments.work / f"{name}-{split}", getattr(arguments, rows))
        for split, rows in _ROWS.items()
    }


def _drawn(path: str, beside: Path, count: int) -> str:
    """`path`, or where it holds more than `count` lines, a file of so many, drawn alike every time."""
    lines = labelled_lines(Path(path))
    if not 0 < count < len(lines):
        return path
    few = beside.with_name(f"{beside.name}-{count}.jsonl")
    few.write_text("\n".join(random.Random(0).sample(lines, count)) + "\n", encoding="utf-8")
    return str(few)


def _timed(name: str, way: str, run: Run, work: Path) -> dict[str, float]:
    given = {"way": way, "task": name, "model": run.model, **run.files, "seed": run.seed}
    given |= {"work": work, "precision": run.precision}
    given |= {} if run.learning_rate is None else {"learning-rate": run.learning_rate}
    began = time.perf_counter()
    found = child_result("benchmarks.finetuning_runs", given)
    return {**found, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    main()
