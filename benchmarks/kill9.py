"""Kills runs with SIGKILL at random moments, resumes them, and compares each with the run never killed.

    python -m benchmarks.kill9 [--kills 100] [--stock-kills 20] [--lanes 2] [--quick]

Every run saves after every step. Half of the kills come at any moment, half while a checkpoint is being
written. Between kills a run is resumed by the command that its folder asks for; when it has reached its last
step its weights, optimiser and losses must be those of the run that nobody killed, to the bit. Several
lanes at once put the machine under load. Beside them, stock trainings are killed once each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.record import record_path, write_record

STEPS = 80
_COMMON = (
    "--batch-size", "4", "--accumulation", "2", "--dropout", "0.1", "--workers", "2", "--precision", "fp32",
    "--checkpoint-minutes", "1e-6", "--set", "pretrain.log_every=1",
)  # fmt: skip
KINDS = {
    "mlm": ("--arch", "modernbert:2x64"),
    "mlm words muon": ("--arch", "bert:2x64", "--mask-unit", "word", "--optimizer", "muon"),
    "clm": ("--objective", "clm", "--arch", "llama:2x64"),
}
STOCK = "stock"
_KILLS_A_RUN = 10
_BEGIN_SECONDS, _LONGEST_SECONDS = 180.0, 0.8


class Moment(NamedTuple):
    """When a run is killed once it goes on: so long after, and of every other one so long after the beginning
    of the next save."""

    wait_seconds: float
    is_for_a_save: bool
    late_seconds: float


def main() -> None:
    """Kill, resume and compare; write the record; exit with 1 where a run was not the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument(
        "--stock-kills", type=int, default=20, help="trainings by the stock Trainer"
    )
    parser.add_argument("--lanes", type=int, default=2, help="runs at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="2 kills")
    parser.add_argument("--out", type=Path, help="where to write the record")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.kills, arguments.stock_kills = 2, 0
    with TemporaryDirectory() as folder:
        results = _summary(_all_runs(Path(folder), arguments))
    names = ("kills", "stock_kills", "lanes", "seed")
    settings = {name: getattr(arguments, name) for name in names} | {"steps": STEPS}
    out = record_path("kill9", arguments.out, arguments.quick)
    path = write_record("kill9", settings, results, out)
    shown = {name: value for name, value in results.items() if name != "runs"}
    print(json.dumps(shown, indent=2))
    print("record:", path)
    sys.exit(results["resumed_bitwise"] != results["kills"])


def _all_runs(folder: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    data, lanes = _prepare(folder), arguments.lanes
    with ThreadPoolExecutor(lanes) as pool:
        work = []
        for n in range(lanes):
            kinds = [*KINDS][n % len(KINDS) :] + [*KINDS][: n % len(KINDS)]
            shares = [
                (kinds, arguments.kills, _KILLS_A_RUN),
                ([STOCK], arguments.stock_kills, 1),
            ]
            for kinds_of, kills, a_run in shares:
                share = kills // lanes + (n < kills % lanes)
                place = folder / f"lane-{n}-{kinds_of[0].replace(' ', '-')}"
                moments = _moments(n, arguments.seed)
                work.append(pool.submit(_lane, place, data, kinds_of, share, a_run, moments))
        return [run for lane in work for run in lane.result()]


def _moments(lane: int, seed: int) -> Iterator[Moment]:
    """At random; the first of every other lane is for a save."""
    chance = random.Random(f"{seed}-{lane}")
    for is_for_a_save in cycle((lane % 2 == 0, lane % 2 == 1)):
        yield Moment(chance.uniform(0, _LONGEST_SECONDS), is_for_a_save, chance.uniform(0, 0.02))


def _prepare(folder: Path) -> Path:
    """The manual that comes with Python, as packed rows of 64 tokens."""
    from pydoc_data.topics import topics

    from mlm_pretrain.packing import PrepareConfig, prepare
    from tokenizer_training import train_tokenizer

    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": topics[name]}) + "\n" for name in sorted(topics)))
    train_tokenizer([str(corpus)], "wordpiece", 2_000, folder / "tokenizer")
    config = PrepareConfig(max_length=64, validation_share=0.0)
    prepare([str(corpus)], folder / "tokenizer", folder / "data", config)
    return folder / "data"


def _command(data: Path, out: Path, kind: str) -> list[str]:
    if kind == STOCK:
        program = [sys.executable, "-m", "benchmarks.kill9_stock"]
        return [*program, str(data), str(out), str(STEPS)]
    return [
        sys.executable, "-m", "mlm_pretrain", "pretrain", "--data", str(data), "--out", str(out),
        "--steps", str(STEPS), *_COMMON, *KINDS[kind],
    ]  # fmt: skip


def _resume(data: Path, out: Path, kind: str) -> list[str]:
    """The command to go on; a run that was killed before it began is started again."""
    if kind == STOCK or not (out / "run.json").exists():
        return _command(data, out, kind)
    return [sys.executable, "-m", "mlm_pretrain", "pretrain", "--out", str(out), "--resume"]


def _whole(folder: Path, data: Path, kind: str) -> dict[str, Any]:
    """The run that nobody kills."""
    out = folder / f"whole-{kind.replace(' ', '-')}"
    subprocess.run(_command(data, out, kind), check=True, capture_output=True)
    return _outcome(out)


def _outcome(out: Path) -> dict[str, Any]:
    """What must be equal: checksums of weights and optimiser, and the log without its times."""
    last = out / f"checkpoint-{STEPS}"
    files = [out / "model" / "model.safetensors", *last.glob("optimizer.*")]
    if (out / "log.jsonl").exists():
        lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    else:
        lines = json.loads((last / "trainer_state.json").read_text())["log_history"]
    timed = ("seconds", "tokens_per_second")
    return {
        "sha256": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files],
        "log": [{k: v for k, v in line.items() if k not in timed} for line in lines],
    }


def _lane(
    folder: Path,
    data: Path,
    kinds: list[str],
    kills: int,
    kills_a_run: int,
    moments: Iterator[Moment],
) -> list[dict[str, Any]]:
    """Runs of one kind after the other, until as many kills are made; the last is led to its end."""
    wholes: dict[str, dict[str, Any]] = {}
    runs: list[dict[str, Any]] = []
    folder.mkdir()
    while kills > 0:
        kind, out = kinds[len(runs) % len(kinds)], folder / "run"
        wholes[kind] = wholes.get(kind) or _whole(folder, data, kind)
        most = min(kills, kills_a_run)
        runs.append(_killed_run(out, data, kind, wholes[kind], most, moments))
        kills -= len(runs[-1]["kills"])
        shutil.rmtree(out)
    return runs


def _killed_run(
    out: Path,
    data: Path,
    kind: str,
    whole: dict[str, Any],
    kills: int,
    moments: Iterator[Moment],
) -> dict[str, Any]:
    """One run to its end, killed on the way up to `kills` times."""
    run: dict[str, Any] = {"kind": kind, "kills": [], "equal": False, "error": ""}
    command = _command(data, out, kind)
    while True:
        before = _newest(out)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if len(run["kills"]) < kills:
            found = _kill(process, out, before, next(moments))
            run["kills"] += [found] if found else []
        _, err = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            last_line = (err.strip().splitlines() or ["no message"])[-1]
            return {**run, "error": last_line.replace(str(out.parent), "")}
        if process.returncode == 0:
            outcome = _outcome(out)
            differs = [name for name in whole if outcome[name] != whole[name]]
            return {**run, "equal": not differs, "differs": differs}
        command = _resume(data, out, kind)


def _kill(process: subprocess.Popen[str], out: Path, before: int, moment: Moment) -> str:
    """Kill at a random moment once training goes on, or while a checkpoint is written; says which it was.

    Empty when the run ended first.
    """
    began = time.time()
    _wait(process, lambda: _newest(out) > before or _is_saving(out, began), _BEGIN_SECONDS)
    time.sleep(moment.wait_seconds)
    if moment.is_for_a_save:
        _wait(process, lambda: _is_saving(out, began), 5.0)
        time.sleep(moment.late_seconds)
    process.kill()
    if process.wait() != -signal.SIGKILL:
        return ""
    return "while saving" if _is_saving(out, began) else "between savings"


def _wait(process: subprocess.Popen[str], ready: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and not ready() and time.monotonic() < deadline:
        time.sleep(0.0005)


def _newest(out: Path) -> int:
    names = [path.name.partition("-")[2] for path in out.glob("checkpoint-*")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _is_saving(out: Path, began: float) -> bool:
    """Whether a checkpoint is half written, and not one that was left behind before."""
    try:
        return any(path.stat().st_mtime > began for path in out.glob("checkpoint-*.partial"))
    except FileNotFoundError:  # it has its name by now
        return False


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    ours = [run for run in runs if run["kind"] != STOCK]
    stock = [run for run in runs if run["kind"] == STOCK and run["kills"]]
    moments = Counter(moment for run in ours for moment in run["kills"])
    return {
        "kills": sum(moments.values()),
        "resumed_bitwise": sum(len(run["kills"]) for run in ours if run["equal"]),
        "moments": dict(moments),
        "compared_runs": len(ours),
        "stock": {
            "kills": len(stock),
            "resumed_bitwise": sum(run["equal"] for run in stock),
            "resumed_to_other_weights": sum(not run["equal"] and not run["error"] for run in stock),
            "crashed": sum(bool(run["error"]) for run in stock),
        },
        "runs": runs,
    }


if __name__ == "__main__":
    main()
