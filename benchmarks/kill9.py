"""Kills runs with SIGKILL at random moments, resumes them, and compares each with the run never killed.

    python -m benchmarks.kill9 [--kills 100] [--lanes 2] [--quick]

Every run saves after every step. Half of the kills come at any moment, half while a checkpoint is being
written. Between kills a run is resumed by the command that its folder asks for; when it has reached its last
step its weights, optimiser and losses must be those of the run that nobody killed, to the bit. Several
lanes at once put the machine under load.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.record import write_record

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
_BEGIN_SECONDS, _LONGEST_SECONDS = 180.0, 0.8


def main() -> None:
    """Kill, resume and compare; write the record; exit with 1 where a run was not the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--lanes", type=int, default=2, help="runs at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="10 kills")
    parser.add_argument("--out", type=Path, help="where to write the record")
    arguments = parser.parse_args()
    kills = 10 if arguments.quick else arguments.kills
    with TemporaryDirectory() as folder:
        lanes = _lanes(Path(folder), kills, arguments.lanes, arguments.seed)
    results = _summary([run for lane in lanes for run in lane])
    settings = {"kills": kills, "steps": STEPS, "lanes": arguments.lanes, "seed": arguments.seed}
    path = write_record("kill9", settings, results, arguments.out)
    print(json.dumps({k: v for k, v in results.items() if k != "runs"}, indent=2))
    print("record:", path)
    sys.exit(results["resumed_bitwise"] != results["kills"])


def _lanes(folder: Path, kills: int, lanes: int, seed: int) -> list[list[dict[str, Any]]]:
    data = _prepare(folder)
    shares = [kills // lanes + (lane < kills % lanes) for lane in range(lanes)]
    with ThreadPoolExecutor(lanes) as pool:
        work = [
            pool.submit(_lane, folder / f"lane-{n}", data, share, n, random.Random(f"{seed}-{n}"))
            for n, share in enumerate(shares)
        ]
        return [lane.result() for lane in work]


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
    return [
        sys.executable, "-m", "mlm_pretrain", "pretrain", "--data", str(data), "--out", str(out),
        "--steps", str(STEPS), *_COMMON, *KINDS[kind],
    ]  # fmt: skip


def _resume(out: Path) -> list[str]:
    return [sys.executable, "-m", "mlm_pretrain", "pretrain", "--out", str(out), "--resume"]


def _whole(folder: Path, data: Path, kind: str) -> dict[str, Any]:
    """The run that nobody kills."""
    out = folder / f"whole-{kind.replace(' ', '-')}"
    subprocess.run(_command(data, out, kind), check=True, capture_output=True)
    return _outcome(out)


def _outcome(out: Path) -> dict[str, Any]:
    """What must be equal: checksums of weights and optimiser, and the log without its times."""
    last = out / f"checkpoint-{STEPS}"
    files = (out / "model" / "model.safetensors", last / "optimizer.safetensors")
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    for line in lines:
        for name in ("seconds", "tokens_per_second"):
            line.pop(name, None)
    return {
        "sha256": [hashlib.sha256(file.read_bytes()).hexdigest() for file in files],
        "log": lines,
    }


def _lane(
    folder: Path, data: Path, kills: int, first: int, chance: random.Random
) -> list[dict[str, Any]]:
    """Runs of one kind after the other, until as many kills are made; the last is led to its end."""
    kinds, wholes, runs = list(KINDS), {}, []
    folder.mkdir()
    while kills > 0:
        kind = kinds[(first + len(runs)) % len(kinds)]
        wholes[kind] = wholes.get(kind) or _whole(folder, data, kind)
        runs.append(_killed_run(folder / "run", data, kind, wholes[kind], kills, chance))
        kills -= len(runs[-1]["kills"])
        shutil.rmtree(folder / "run")
    return runs


def _killed_run(
    out: Path, data: Path, kind: str, whole: dict[str, Any], kills: int, chance: random.Random
) -> dict[str, Any]:
    """One run to its end, killed on the way up to `kills` times."""
    run: dict[str, Any] = {"kind": kind, "kills": [], "equal": False, "error": ""}
    command = _command(data, out, kind)
    while True:
        before = _newest(out)
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if len(run["kills"]) < kills and (moment := _kill(process, out, before, chance)):
            run["kills"].append(moment)
        _, err = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            return {**run, "error": err[-2000:]}
        if process.returncode == 0:
            outcome = _outcome(out)
            differs = [name for name in whole if outcome[name] != whole[name]]
            return {**run, "equal": not differs, "differs": differs}
        command = _resume(out) if (out / "run.json").exists() else command


def _kill(process: subprocess.Popen[str], out: Path, before: int, chance: random.Random) -> str:
    """Kill at a random moment once training goes on, or while a checkpoint is written; says which it was.

    Empty when the run ended first.
    """
    _wait(process, lambda: _newest(out) > before or _partial(out), _BEGIN_SECONDS)
    time.sleep(chance.uniform(0, _LONGEST_SECONDS))
    if chance.random() < 0.5:
        _wait(process, lambda: _partial(out), 5.0)
        time.sleep(chance.uniform(0, 0.02))
    process.kill()
    if process.wait() != -signal.SIGKILL:
        return ""
    return "while saving" if _partial(out) else "between savings"


def _wait(process: subprocess.Popen[str], ready: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while process.poll() is None and not ready() and time.monotonic() < deadline:
        time.sleep(0.0005)


def _newest(out: Path) -> int:
    names = [path.name.partition("-")[2] for path in out.glob("checkpoint-*")]
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _partial(out: Path) -> bool:
    return any(out.glob("checkpoint-*.partial"))


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    moments = Counter(moment for run in runs for moment in run["kills"])
    good = [run for run in runs if run["equal"]]
    return {
        "kills": sum(moments.values()),
        "resumed_bitwise": sum(len(run["kills"]) for run in good),
        "moments": dict(moments),
        "compared_runs": len(runs),
        "equal_runs": len(good),
        "runs": runs,
    }


if __name__ == "__main__":
    main()
