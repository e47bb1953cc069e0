"""What each objective gives in the same minutes: masked loss, minimal pairs, and probes of frozen vectors.

    python -m benchmarks.objectives --train train.jsonl.gz --validation validation.jsonl.gz \\
        --tasks DIR --work DIR [--minutes 30] [--only mlm hybrid]
    python -m benchmarks.objectives --quick

Every run has the same data, architecture, defaults and minutes on the same cores. The masked loss is that of
fixed 15 % masks; BLiMP is scored by pseudo-likelihood, and for a model that also continues text once more,
from left to right. Probes are linear on frozen mean-pooled vectors (stsb: Spearman of the cosine, no labels).
Runs lie in `--work` and are not repeated when the benchmark is started again there. Nothing else should run
on the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from benchmarks.linear_probes import TASKS, probe_scores
from benchmarks.quality_data import add_text_arguments, prepare_texts
from benchmarks.quality_runs import LENGTH
from benchmarks.record import child_result, kept, write_record

_QUICK_ROWS = 64


class Run(NamedTuple):
    """An objective with its settings.

    Attributes:
        given: other settings of the training.
        after: the run whose model it goes on from, for a sixth of the minutes.
    """

    objective: str
    settings: dict[str, Any]
    given: Mapping[str, Any] = MappingProxyType({})
    after: str | None = None


_DROPOUT = MappingProxyType({"dropout": 0.1})
_FEW = MappingProxyType({"batch_size": 12, "dropout": 0.1})  # rows of 128 tokens: some 32 texts
RUNS = {
    "mlm": Run("mlm", {}),
    "mlm, 30 to 15 %": Run("mlm", {"ratio": 0.3, "ratio_end": 0.15}),
    "mlm, adaptive": Run("mlm", {"adaptive": 1.0}),
    "mlm, n-grams": Run("mlm", {"unit": "ngram"}),
    "hybrid": Run("hybrid", {}),
    "order": Run("order", {}),
    "replaced": Run("replaced", {}),
    "contrastive": Run("contrastive", {}, _DROPOUT, after="mlm"),
    "contrastive, 32": Run("contrastive", {}, _FEW, after="mlm"),
    "contrastive, 32, bank": Run("contrastive", {"bank_size": 4_096}, _FEW, after="mlm"),
}


def main() -> None:
    """Prepare once, make the runs that are missing, judge them, print a table, write the record."""
    arguments = _parse()
    if arguments.child:
        print(json.dumps(_train(arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        prepare_texts(work, arguments.train, arguments.validation, LENGTH, arguments.quick)
        names = arguments.only or list(RUNS)
        results = {name: _measured(work, arguments, name) for name in names}
    _print(results)
    settings = {n: getattr(arguments, n) for n in ("corpus", "arch", "minutes", "pairs", "rows")}
    print("record:", write_record("objectives", settings, results, arguments.out))


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
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.minutes, arguments.arch = 0.05, "modernbert:2x64"
        arguments.only, arguments.rows = ["mlm", "hybrid"], _QUICK_ROWS
    return arguments


def _measured(work: Path, arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    slug = _slug(name, arguments)
    if (before := RUNS[name].after) is not None:
        _measured(work, arguments, before)
    found = kept(work / f"{slug}.json", lambda: _in_a_process(work / slug, arguments, name))
    model = work / slug / "model"
    if arguments.tasks:
        found |= kept(work / f"{slug}.blimp.json", lambda: _blimp(model, arguments))
        found["probes"] = kept(
            work / f"{slug}.probes.json",
            lambda: probe_scores(model, arguments.tasks, arguments.rows),
        )
    return found


def _slug(name: str, arguments: argparse.Namespace) -> str:
    """What a run's folder is called."""
    plain = "".join(c if c.isalnum() else "-" for c in name)
    return f"{plain}-{arguments.minutes:g}min-seed{arguments.seed}"


def _in_a_process(folder: Path, arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    given = {"child": name, "work": folder, "arch": arguments.arch}
    given |= {"minutes": arguments.minutes, "seed": arguments.seed}
    return child_result("benchmarks.objectives", given)


def _train(arguments: argparse.Namespace) -> dict[str, Any]:
    from mlm_pretrain.evaluation.perplexity import evaluate
    from mlm_pretrain.export import export
    from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

    folder, run = arguments.work, RUNS[arguments.child]
    start: dict[str, Any] = {"arch": arguments.arch, "minutes": arguments.minutes}
    if run.after is not None:
        before = folder.parent / _slug(run.after, arguments) / "model"
        start = {"init": str(before), "minutes": arguments.minutes / 6}
    config = PretrainConfig(
        data=str(folder.parent / f"data-{LENGTH}"), out=str(folder / "run"), seed=arguments.seed,
        objective=run.objective, objective_settings=run.settings, **start, **run.given,
    )  # fmt: skip
    result = pretrain(config, overwrite=True)
    export(folder / "run", folder / "model", overwrite=True)
    text, losses = folder.parent / "validation.jsonl", {}
    for way, model in _ways(folder / "model").items():
        losses[way] = round(evaluate(model, text, max_length=LENGTH)["loss_nats"], 4)
    counts = {key: result[key] for key in ("steps", "tokens", "tokens_per_second", "precision")}
    return {"minutes": round(result["seconds"] / 60, 2), **counts, "loss_nats": losses}


def _ways(model: Path) -> dict[str, Path]:
    """The folders of a model that predicts tokens, by how it is read."""
    if (model / "generator").is_dir():
        return {}  # it tells tokens apart, and predicts none
    folders = {"masked": model, "causal": model / "causal"}
    return {way: folder for way, folder in folders.items() if folder.is_dir()}


def _blimp(model: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.probes import blimp_accuracy

    path = arguments.tasks / "blimp" / "all.jsonl.gz"
    found = {
        way: blimp_accuracy(str(folder), path, arguments.pairs)
        for way, folder in _ways(model).items()
    }
    return {"blimp": {way: round(scores["accuracy"], 2) for way, scores in found.items()}}


def _print(results: dict[str, Any]) -> None:
    columns = ["tokens", "masked", "causal", "BLiMP", "causal", *TASKS]
    print(f"{'run':24}" + "".join(f"{name:>12}" for name in columns))
    for name, run in results.items():
        loss, blimp, probes = (run.get(part, {}) for part in ("loss_nats", "blimp", "probes"))
        ways = [part.get(way, "") for part in (loss, blimp) for way in ("masked", "causal")]
        cells = [f"{run['tokens']:,}", *ways, *(probes.get(task, "") for task in TASKS)]
        print(f"{name:24}" + "".join(f"{cell!s:>12}" for cell in cells))


if __name__ == "__main__":
    main()
