"""The runs that `benchmarks.objectives` compares: what each is, how fast, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.blimp import readings
from benchmarks.objective_stock import stock_speed, stock_tokens, stock_train
from benchmarks.quality_runs import LENGTH

if TYPE_CHECKING:
    from mlm_pretrain.training.pretrain import PretrainConfig

# What the defaults take for half an hour. Given, since they go by minutes and these runs by steps.
_BATCH_ROWS = 16
# Of the minutes, what goes on from another run takes: texts are told apart soon, and after 2,470 steps at
# 3e-4 vectors were worth less than after 400 (63.6 and 66.5 on the training pairs of STS-B).
_AFTER_SHARE = 1 / 30
_GENTLE_RATE = 1e-4


class Run(NamedTuple):
    """An objective with its settings.

    Attributes:
        given: settings of the training.
        after: the run whose model it goes on from, for a thirtieth of the minutes.
        is_stock: whether the libraries' own example trains it; `given` is then for its arguments.
    """

    given: Mapping[str, Any]
    after: str | None = None
    is_stock: bool = False


def _run(objective: str, settings: Mapping[str, Any] = MappingProxyType({}), **given: Any) -> Run:
    return Run({"objective": objective, "objective_settings": dict(settings), **given})


def _contrastive(
    rows: int = _BATCH_ROWS, *, dropout: float = 0.0, rate: float = 3e-4, **settings: Any
) -> Run:
    given = {"batch_size": rows, "dropout": dropout, "learning_rate": rate}
    return _run("contrastive", settings, **given)._replace(after="mlm")


_TOGETHER = [
    {"name": "mlm", "weight": 0.4},
    {"name": "order", "weight": 0.3},
    {"name": "contrastive", "weight": 0.3},
]
# The same three, from filling gaps nearly alone to telling texts apart for half of the rows.
_RISING = [
    {"name": "mlm", "weight": 0.7, "weight_end": 0.3},
    {"name": "order", "weight": 0.25, "weight_end": 0.2},
    {"name": "contrastive", "weight": 0.05, "weight_end": 0.5},
]
_FEW = 6  # rows of 128 tokens: some 32 sentences
_PLAIN: dict[str, Any] = {"bank_size": 0, "spread": 0.0}  # as published, without what is added here
FIRST = "mlm"  # beside which all are measured
RUNS = {
    "mlm": _run("mlm"),
    "mlm, 30 to 15 %": _run("mlm", {"ratio": 0.3, "ratio_end": 0.15}),
    "mlm, adaptive": _run("mlm", {"adaptive": 1.0}),
    "mlm, n-grams": _run("mlm", {"unit": "ngram"}),
    "hybrid": _run("hybrid"),
    "order": _run("order"),
    "nsp": _run("nsp"),
    "replaced": _run("replaced"),
    "mlm + order + contrastive": Run({"objectives": _TOGETHER, "together": "share"}),
    "mlm + order + contrastive, rising": Run({"objectives": _RISING, "together": "share"}),
    "contrastive": _contrastive(),
    "contrastive, SimCSE": _contrastive(dropout=0.1, rate=1e-4, positives="dropout", **_PLAIN),
    "contrastive, DeCLUTR": _contrastive(rate=1e-4, positives="spans", texts="segments", **_PLAIN),
    "tsdae": _run("tsdae")._replace(after="mlm"),
    "contrastive, 32": _contrastive(_FEW, **_PLAIN),
    "contrastive, 32, bank": _contrastive(_FEW, spread=0.0),
    # Trainer's own batch; the rate is the best of the three that `time_to_quality` tries.
    "stock": Run({"per_device_train_batch_size": 8, "learning_rate": 1e-3}, is_stock=True),
}


def in_order(results: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What was found of the runs, in the order of `RUNS`."""
    return [(name, results[name]) for name in RUNS if name in results]


def speed(folder: Path, name: str, arch: str, seconds: float) -> dict[str, Any]:
    """Steps a second of a short run from random weights, at a rate that no few steps are too short for."""
    if RUNS[name].is_stock:
        return {"steps_per_second": stock_speed(folder, arch, RUNS[name].given, seconds)}
    budget = {
        "arch": arch,
        "minutes": seconds / 60,
        "start": "random",
        "learning_rate": _GENTLE_RATE,
    }
    result = _pretrain(folder, RUNS[name], budget, 0)
    return {"steps_per_second": result["steps"] / result["seconds"]}


def cost(folder: Path, name: str, arch: str) -> dict[str, Any]:
    """What a step is made of; of the libraries' own, floating-point operations are not known."""
    from mlm_pretrain.training.planning import plan

    if RUNS[name].is_stock:
        return {"tokens_a_step": stock_tokens(RUNS[name].given)}
    budget = {"arch": arch, "steps": 1, "start": "random"}
    found = plan(_config(folder, RUNS[name], budget, 0))
    return {key: found[key] for key in ("gflops_a_step", "tokens_a_step")}


def train(
    folder: Path, name: str, start: Mapping[str, Any], steps: int, seed: int
) -> dict[str, Any]:
    """Train (ours going on where it was stopped), save to FOLDER/model, judge by the text beside FOLDER.

    Args:
        start: what the model begins from, `arch` or `init`.
    """
    from mlm_pretrain.evaluation.perplexity import evaluate

    if RUNS[name].is_stock:
        result = stock_train(folder, start["arch"], RUNS[name].given, steps)
    else:
        result = _exported(folder, RUNS[name], {**start, "steps": steps}, seed)
    text = folder.parent / "validation.jsonl"
    losses = {
        way: round(evaluate(model, text, max_length=LENGTH)["loss_nats"], 4)
        for way, model in readings(folder / "model").items()
    }
    return {**result, "loss_nats": losses}


def steps_of(run: Run, steps: float) -> int:
    """Of those that the minutes hold, what the run takes."""
    return max(1, round(steps if run.after is None else _AFTER_SHARE * steps))


def _exported(folder: Path, run: Run, budget: Mapping[str, Any], seed: int) -> dict[str, Any]:
    from mlm_pretrain.export import export

    result = _pretrain(folder, run, budget, seed)
    export(folder / "run", folder / "model", overwrite=True)
    return {key: result[key] for key in ("steps", "tokens", "precision")}


def _pretrain(folder: Path, run: Run, budget: Mapping[str, Any], seed: int) -> dict[str, Any]:
    from mlm_pretrain.training.pretrain import pretrain

    is_begun = "steps" in budget and (folder / "run").is_dir()
    config = _config(folder, run, budget, seed)
    return pretrain(config, overwrite=not is_begun, resume=is_begun)


def _config(folder: Path, run: Run, budget: Mapping[str, Any], seed: int) -> PretrainConfig:
    from mlm_pretrain.training.pretrain import PretrainConfig

    always: dict[str, Any] = {
        "data": str(folder.parent / f"data-{LENGTH}"), "out": str(folder / "run"), "seed": seed,
        "checkpoint_minutes": 5, "batch_size": _BATCH_ROWS, "attention": "products8",
    }  # fmt: skip
    return PretrainConfig(**{**always, **run.given, **budget})
