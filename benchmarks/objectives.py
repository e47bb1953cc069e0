"""What each objective gives in the same minutes: masked loss, minimal pairs, and probes of frozen vectors.

    python -m benchmarks.objectives --train train.jsonl.gz --validation validation.jsonl.gz \\
        --tasks DIR --work DIR [--minutes 30] [--only mlm hybrid]
    python -m benchmarks.objectives --quick

Every run has the same data, architecture, defaults and minutes on the same cores. How many steps the
minutes hold is measured first, on a quiet machine, by short runs in turns; the runs proper then take that
number of steps, so that they come out alike when they are made again, and may share the machine. What goes
on from another run's model takes a thirtieth of the minutes. The masked loss is that of fixed 15 % masks;
BLiMP is scored by pseudo-likelihood, for a model that also continues text once more from left to right, and
by both together. Probes are linear on frozen mean-pooled vectors (stsb: Spearman of the cosine, no labels).
`stock` is the libraries' own example on the same text: `Trainer` with its defaults, fp32, 15 % masks.

Runs lie in `--work` and are not repeated when the benchmark is started again there. Runs that the record
holds stay in it, each with the moment, machine and versions it was made with, and only those missing are
made, also at another time or on another machine: their speed is measured beside that of the first run, and
taken in proportion to what the record says of it. A record of other settings is refused.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.blimp import blimp_scores
from benchmarks.linear_probes import TASKS, probe_scores
from benchmarks.objective_runs import FIRST, RUNS, cost, in_order, speed, steps_of, train
from benchmarks.quality_data import add_text_arguments, prepare_texts
from benchmarks.quality_runs import LENGTH
from benchmarks.record import (
    add_entries,
    child_result,
    entries_of,
    kept,
    now_and_here,
    record_path,
    spread,
)
from benchmarks.refusing import refusals
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.minimal_pairs import read_pairs

_QUICK_ROWS = 64
_NATS = ("masked", "causal")
_READINGS = (*_NATS, "both")
_SPEED_ROUNDS, _SPEED_SECONDS = 3, 20.0


def main() -> None:
    """Prepare once, make the runs that are missing, judge them, print a table, write the record."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_child(arguments)))
        return
    path = record_path("objectives", arguments.out, arguments.quick)
    with refusals(), tempfile.TemporaryDirectory() as folder:
        known = _recorded(path, _settings(arguments))
        work = arguments.work or Path(folder)
        prepare_texts(work, arguments.train, arguments.validation, LENGTH, arguments.quick)
        made = _made(work, arguments, known)
    _print({**known, **made})
    print("record:", add_entries("objectives", made, path))


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("corpus", "arch", "minutes", "pairs", "rows", "seed")
    return {name: getattr(arguments, name) for name in names}


def _recorded(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The runs of earlier calls, each with its circumstances.

    Raises:
        InputError: where one is of other settings, and does not compare with what would be added.
    """
    if not path.exists():
        return {}
    known = entries_of(json.loads(path.read_text(encoding="utf-8")))
    for name, run in known.items():
        others = [key for key, value in settings.items() if run["settings"].get(key) != value]
        if others:
            raise InputError(
                f"{path}: its run '{name}' is of other settings ({', '.join(others)})",
                "give another --out",
            )
    return known


def _made(work: Path, arguments: argparse.Namespace, known: dict[str, Any]) -> dict[str, Any]:
    """Those asked for that are not known; each as fast as it is beside the first one."""
    names = [name for name in arguments.only or RUNS if name not in known]
    speeds = _speeds(work, arguments, [FIRST, *names]) if names else {}
    results: dict[str, Any] = {}
    for name in _with_those_before(names):
        if name in known:  # its model is gone on from, and is no longer there
            _trained(work, arguments, name, known[name]["steps"])
            continue
        relative = (
            speeds[name]["steps_per_second"]["median"] / speeds[FIRST]["steps_per_second"]["median"]
        )
        held = 60 * arguments.minutes * speeds[FIRST]["steps_per_second"]["median"]
        steps = steps_of(RUNS[name], relative * known.get(FIRST, {"steps": held})["steps"])
        found = _judged(work, arguments, name, steps) | speeds[name]
        results[name] = found | {"settings": _settings(arguments)}
        if "gflops_a_step" in speeds[name]:
            of_flops = relative * speeds[name]["gflops_a_step"] / speeds[FIRST]["gflops_a_step"]
            results[name]["flops_rate_beside_first"] = round(of_flops, 3)
    return results


def _child(arguments: argparse.Namespace) -> dict[str, Any]:
    folder, name, arch = arguments.work, arguments.child, arguments.arch
    if arguments.speed is not None:
        return speed(folder, name, arch, arguments.speed)
    if arguments.cost is not None:
        return cost(folder, name, arch)
    start = {"arch": arch} if arguments.init is None else {"init": arguments.init}
    return {**now_and_here(), **train(folder, name, start, arguments.steps, arguments.seed)}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_text_arguments(parser)
    parser.add_argument("--tasks", type=Path, help="folder with the tasks; default: loss only")
    parser.add_argument("--arch", default="modernbert:4x256")
    parser.add_argument("--minutes", type=float, default=30.0, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=RUNS, help="these runs alone")
    parser.add_argument("--pairs", type=int, default=200, help="of each BLiMP paradigm")
    parser.add_argument("--rows", type=int, default=4_000, help="of each split of a probe")
    parser.add_argument(
        "--quick", action="store_true", help="under a minute: seconds a run, two runs, loss only"
    )
    parser.add_argument("--out", type=Path, help="where to write the record")
    for name, kind in (
        ("child", str),
        ("init", str),
        ("steps", int),
        ("speed", float),
        ("cost", int),
    ):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.minutes, arguments.arch = 0.05, "modernbert:2x64"
        arguments.only, arguments.rows = ["mlm", "hybrid"], _QUICK_ROWS
    return arguments


def _speeds(work: Path, arguments: argparse.Namespace, names: list[str]) -> dict[str, Any]:
    """Steps a second of every run, the middle one of short runs made in turns; and what a step costs."""
    rounds = 1 if arguments.quick else _SPEED_ROUNDS
    seconds = 60 * arguments.minutes if arguments.quick else _SPEED_SECONDS
    names = list(dict.fromkeys(names))
    found: dict[str, list[float]] = {name: [] for name in names}
    for number, name in product(range(rounds), names):
        once = _kept_child(work, f"speed-{number}", name, arguments, work / "speed", speed=seconds)
        found[name].append(once["steps_per_second"])
    costs = {
        name: _kept_child(work, "cost", name, arguments, work / "speed", cost=1) for name in names
    }
    return {name: {"steps_per_second": spread(found[name]), **costs[name]} for name in names}


def _kept_child(
    work: Path, what: str, name: str, arguments: argparse.Namespace, folder: Path, **given: Any
) -> dict[str, Any]:
    """What a process of its own finds, or this one where nothing is measured in earnest; kept in a file."""
    flags = {"child": name, "work": folder, "arch": arguments.arch, **given}
    path = work / f"{what}-{_slug(name, arguments)}.json"
    if arguments.quick:
        return kept(path, lambda: _child(argparse.Namespace(**{**vars(arguments), **flags})))
    return kept(path, partial(child_result, "benchmarks.objectives", flags))


def _with_those_before(names: list[str]) -> list[str]:
    """The runs, behind those they go on from."""
    before = [RUNS[name].after for name in names]
    return list(dict.fromkeys([name for name in before if name is not None] + names))


def _trained(work: Path, arguments: argparse.Namespace, name: str, steps: int) -> dict[str, Any]:
    run, given = RUNS[name], {"seed": arguments.seed, "steps": steps}
    if run.after is not None:
        given["init"] = work / _slug(run.after, arguments) / "model"
    return _kept_child(work, "run", name, arguments, work / _slug(name, arguments), **given)


def _judged(work: Path, arguments: argparse.Namespace, name: str, steps: int) -> dict[str, Any]:
    slug = _slug(name, arguments)
    found, model = dict(_trained(work, arguments, name, steps)), work / slug / "model"
    if arguments.tasks:
        pairs, rows = arguments.pairs, arguments.rows
        found |= kept(
            work / f"blimp-{pairs}-{slug}.json",
            lambda: _blimp(model, arguments),
        )
        found["probes"] = kept(
            work / f"probes-{rows}-{slug}.json",
            lambda: probe_scores(model, arguments.tasks, rows),
        )
    return found


def _slug(name: str, arguments: argparse.Namespace) -> str:
    """What a run's folder is called."""
    plain = "".join(c if c.isalnum() else "-" for c in f"{name}-{arguments.arch}")
    return f"{plain}-{arguments.minutes:g}min-seed{arguments.seed}"


def _blimp(model: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    pairs = read_pairs(arguments.tasks / "blimp" / "all.jsonl.gz", arguments.pairs)
    found = blimp_scores(model, pairs)
    return {"blimp": {way: round(scores["accuracy"], 2) for way, scores in found.items()}}


def _print(results: dict[str, Any]) -> None:
    columns = ["tokens", *_NATS, *(f"BLiMP {way}" for way in _READINGS), *TASKS]
    print(f"{'run':24}" + "".join(f"{name:>13}" for name in columns))
    for name, run in in_order(results):
        loss, blimp, probes = (run.get(part, {}) for part in ("loss_nats", "blimp", "probes"))
        shown = [*(loss.get(way, "") for way in _NATS), *(blimp.get(way, "") for way in _READINGS)]
        cells = [f"{run['tokens']:,}", *shown, *(probes.get(task, "") for task in TASKS)]
        print(f"{name:24}" + "".join(f"{cell!s:>13}" for cell in cells))


if __name__ == "__main__":
    main()
