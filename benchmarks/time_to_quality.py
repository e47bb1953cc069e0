"""What a number of minutes of pretraining gives: the stock Trainer and ours, on the same cores.

    python -m benchmarks.time_to_quality --train train.jsonl.gz --validation validation.jsonl.gz \\
        --tasks DIR --work DIR
    python -m benchmarks.time_to_quality --quick

Stock is what the library's own example does (tokenise, group_texts, its collator at 15 %, Trainer with its
defaults, fp32). It gets two architectures and three learning rates, tried for `--screen-minutes` each; the
best by loss then gets `--minutes`' longest. Ours is `pretrain --minutes M` with the package's defaults,
a whole run for each M. Preparing the data and building the model are counted on neither side, our counting of
neighbours for the start is.

Both are judged alike: nats a token on fixed 15 % masks in windows of the validation text, test accuracy
after fine-tuning on 512 labels (mean of the seeds), and BLiMP's minimal pairs. Runs lie in `--work` and are
not repeated when the benchmark is started again there. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.quality_data import add_text_arguments, prepare_texts
from benchmarks.quality_runs import CHILDREN, LENGTH
from benchmarks.record import child_result, kept, record_path, write_record
from benchmarks.refusing import refusals


def main() -> None:
    """Prepare once, make the runs that are missing, judge them, print a table, write the record."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(CHILDREN[arguments.child](arguments)))
        return
    with refusals(), tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        prepare_texts(work, arguments.train, arguments.validation, LENGTH, arguments.quick)
        results = _measure(work, arguments)
    _print(results)
    given = ("corpus", "size", "stock_rates", "minutes", "screen_minutes", "stock_batch")
    settings = {name: getattr(arguments, name) for name in (*given, "labels", "seeds")}
    path = record_path("time-to-quality", arguments.out, arguments.quick)
    print("record:", write_record("time-to-quality", settings, results, path))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_text_arguments(parser)
    parser.add_argument(
        "--tasks", type=Path, help="folder with trec/ and blimp/; default: loss only"
    )
    parser.add_argument("--size", default="4x256", help="layers x hidden width")
    parser.add_argument("--minutes", type=float, nargs="+", default=[0.5, 2.5, 5.0, 20.0])
    parser.add_argument("--screen-minutes", type=float, default=5.0)
    parser.add_argument("--stock-rates", type=float, nargs="+", default=[2e-4, 5e-4, 1e-3])
    parser.add_argument("--stock-batch", type=int, default=8, help="rows a step; Trainer's default")
    parser.add_argument("--labels", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=200, help="of each BLiMP paradigm")
    parser.add_argument(
        "--quick", action="store_true", help="under a minute: seconds a run, loss only"
    )
    parser.add_argument("--out", type=Path, help="where to write the record")
    for hidden in ("--child", "--folder", "--arch", "--result"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--budget", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.minutes, arguments.screen_minutes = [0.08], 0.05
        arguments.stock_rates, arguments.size = [1e-3], "2x128"
    return arguments


def _measure(work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    longest = max(arguments.minutes)
    ours = [
        _run(work, arguments, "ours", f"{family}:{arguments.size}", minutes)
        for minutes in arguments.minutes
        for family in (("modernbert", "bert") if minutes < longest else ("modernbert",))
    ]
    screened = [
        _run(work, arguments, "stock", f"{family}:{arguments.size}", arguments.screen_minutes, rate)
        for family in ("bert", "modernbert")
        for rate in arguments.stock_rates
    ]
    best = min(screened, key=lambda run: run["loss_nats"])
    stock = _run(work, arguments, "stock", best["arch"], longest, best["learning_rate"])
    if arguments.tasks:
        for run in (stock, *ours):
            run |= _probed(work, arguments, run)
        stock["random_trec"] = _trec(work, arguments, stock, random=True)
    return {"screened": screened, "stock": stock, "ours": ours}


def _run(
    work: Path,
    arguments: argparse.Namespace,
    way: str,
    arch: str,
    minutes: float,
    rate: float = 0.0,
) -> dict[str, Any]:
    """One training in a fresh process and the loss of what it wrote; from `work` if it is there."""
    name = f"{way}-{arch.replace(':', '-')}-{minutes:g}min"
    if way == "stock":
        name += f"-{rate:g}-{arguments.stock_batch}rows"

    def train() -> dict[str, Any]:
        result = _child(way, work / name, arguments, arch=arch, budget=minutes, rate=rate)
        return {"way": way, "arch": arch, **result}

    return {"name": name, **kept(work / f"{name}.json", train)}


def _child(way: str, folder: Path, arguments: argparse.Namespace, **more: Any) -> dict[str, Any]:
    if arguments.quick:  # nothing is measured in earnest
        here = {**vars(arguments), "child": way, "folder": str(folder), **more}
        return CHILDREN[way](argparse.Namespace(**here))
    given = {
        "child": way, "folder": str(folder), "stock-batch": arguments.stock_batch,
        "pairs": arguments.pairs, "labels": arguments.labels, "seeds": arguments.seeds,
        **({"tasks": str(arguments.tasks)} if arguments.tasks else {}), **more,
    }  # fmt: skip
    return child_result("benchmarks.time_to_quality", given)


def _probed(work: Path, arguments: argparse.Namespace, run: dict[str, Any]) -> dict[str, Any]:
    model, counts = run["name"], f"{arguments.labels}-{arguments.seeds}"
    trec = kept(work / f"{model}.trec-{counts}.json", lambda: _trec(work, arguments, run, False))
    blimp = work / f"{model}.blimp-{arguments.pairs}.json"
    return {"trec": trec, **kept(blimp, lambda: _child("blimp", work / model, arguments))}


def _trec(
    work: Path, arguments: argparse.Namespace, run: dict[str, Any], random: bool
) -> dict[str, Any]:
    way = "random-trec" if random else "trec"
    return _child(way, work / run["name"], arguments)


def _print(results: dict[str, Any]) -> None:
    print(f"{'run':44}{'tokens':>12}{'nats':>8}{'trec':>8}{'BLiMP':>8}")
    for run in (*results["screened"], results["stock"], *results["ours"]):
        trec, blimp = run.get("trec", {}).get("test", ""), run.get("blimp", "")
        facts = f"{run['tokens']:>12,}{run['loss_nats']:>8.3f}"
        print(f"{run['name']:44}{facts}{trec!s:>8}{blimp!s:>8}")


if __name__ == "__main__":
    main()
