"""Thousands of broken inputs, and whether each gives documents or an error that one can read.

    python -m benchmarks.broken_inputs [--count 10000] [--seed 0] [--quick]
    python -m benchmarks.broken_inputs --seed 0 --only 1234    # one again; its files are left to look at

A seed and a number make an input. Each is read in a process of bounded time and memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bounded import Bounds, Job, Result, run_all
from benchmarks.broken_readers import KINDS, kind_of, read_case, write_case
from benchmarks.record import record_path, write_record
from mlm_pretrain.environment import usable_cores

QUICK = 3 * len(KINDS)


def main() -> None:
    """Read all inputs, print what went wrong, write the record; exit with 1 if anything did."""
    arguments = _parse()
    if arguments.only is not None:
        sys.exit(_again(arguments.seed, arguments.only))
    count = QUICK if arguments.quick else arguments.count
    results = read_all(range(count), arguments.seed, Bounds(), arguments.processes)
    summary = summarise(results, arguments.seed)
    _print(summary)
    settings = {
        "seed": arguments.seed,
        "count": count,
        "seconds": Bounds().seconds,
        "megabytes": Bounds().megabytes,
    }
    path = record_path("broken-inputs", arguments.out, arguments.quick)
    print("record:", write_record("broken-inputs", settings, summary, path))
    sys.exit(bool(summary["failures"]))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=usable_cores())
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} inputs, under a minute")
    parser.add_argument("--only", type=int, help="read this one again, and leave its files")
    parser.add_argument("--out", type=Path, help="where to write the record")
    return parser.parse_args()


def read_all(numbers: Sequence[int], seed: int, bounds: Bounds, processes: int) -> list[Result]:
    """A result of each input."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job(partial(write_case, folder, seed), read_case)
        return run_all(job, numbers, bounds, processes)


def summarise(results: Sequence[Result], seed: int) -> dict[str, Any]:
    """Counts by kind and outcome, the slowest and the largest input, and every failure."""
    kinds: dict[str, Counter[str]] = {}
    for result in results:
        kinds.setdefault(kind_of(result.number), Counter())[result.outcome] += 1
    failures = [
        {"number": r.number, "seed": seed, "kind": kind_of(r.number), "failure": r.failure}
        for r in results
        if r.failure
    ]
    return {
        "inputs": len(results),
        "outcomes": dict(sum(kinds.values(), Counter())),
        "slowest": _describe(max(results, key=lambda result: result.seconds)),
        "largest": _describe(max(results, key=lambda result: result.megabytes)),
        "kinds": {kind: dict(sorted(counts.items())) for kind, counts in sorted(kinds.items())},
        "failures": failures,
    }


def _describe(result: Result) -> dict[str, Any]:
    return {"number": result.number, "kind": kind_of(result.number), "seconds": result.seconds,
            "megabytes": result.megabytes}  # fmt: skip


def _print(summary: dict[str, Any]) -> None:
    for failure in summary["failures"]:
        print(
            f"\n--seed {failure['seed']} --only {failure['number']} ({failure['kind']})\n{failure['failure']}"
        )
    outcomes = ", ".join(f"{name}: {count}" for name, count in summary["outcomes"].items())
    print(f"{summary['inputs']} inputs of {len(summary['kinds'])} kinds: {outcomes}")
    for name in ("slowest", "largest"):
        print(f"{name}: {summary[name]}")


def _again(seed: int, number: int) -> int:
    """One input here, without bounds: what is raised is seen whole."""
    folder = tempfile.mkdtemp(prefix=f"broken-{seed}-{number}-")
    written = write_case(folder, seed, number)
    print(f"{written.kind}: {written.folder} {written.case.settings}")
    print(read_case(written))
    return 0


if __name__ == "__main__":
    main()
