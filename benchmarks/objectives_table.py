"""The record of `benchmarks.objectives` as a table: what each objective gives in the same minutes."""

from __future__ import annotations

from typing import Any

from benchmarks.objective_runs import FIRST, RUNS, in_order

HEAD = (
    "run", "steps", "masked nats", "causal nats", "BLiMP", "causal", "both", "sst2", "trec", "cola", "rte",
    "mean", "stsb", "steps/s", "FLOP/s",
)  # fmt: skip
_CLASSES = ("sst2", "trec", "cola", "rte")


def text_of(results: dict[str, Any]) -> str:
    """What the table is of."""
    settings = next(iter(results.values()))["settings"]  # one record's runs have the same
    arch = settings["arch"].replace(":", " ").replace("x", "×")
    first = RUNS[FIRST].given["objective"]
    marked = (
        ""
        if all(RUNS[name].after is None for name in results)
        else (f", those marked * a thirtieth\nfrom the model of `{first}`")
    )
    return (
        f"{arch}, rows of 128, text of {settings['corpus']}; {settings['minutes']:g} minutes each on\n"
        f"{_processors(results)} in {_precisions(results)}{marked}.\n"
        f"BLiMP: {settings['pairs']} pairs of each paradigm, read with masks, from left to right, and by\n"
        "both together. Probes are linear on frozen mean-pooled vectors (cola: Matthews; mean: of\n"
        "these and stsb), stsb is Spearman of the cosine without labels. Steps a second vary by about\n"
        "a tenth from measurement to measurement; FLOP/s are those of "
        f"`{first}` times the number given:"
    )


def _precisions(results: dict[str, Any]) -> str:
    return " or ".join(sorted({run["precision"] for run in results.values()}))


def _processors(results: dict[str, Any]) -> str:
    """What the runs were made on; where that is not all the same, which on which."""
    runs_on: dict[tuple[int, str], list[str]] = {}
    for name, run in in_order(results):
        runs_on.setdefault((run["processor"]["cores"], run["processor"]["name"]), []).append(name)
    if len(runs_on) == 1:
        ((cores, processor),) = runs_on
        return f"{cores} cores ({processor})"
    return " or ".join(
        f"{cores} cores ({processor}: {', '.join(names)})"
        for (cores, processor), names in runs_on.items()
    )


def rows_of(results: dict[str, Any]) -> list[tuple[str, ...]]:
    """One a run, in the order of the runs."""
    return [_row(name, run) for name, run in in_order(results)]


def _row(name: str, run: dict[str, Any]) -> tuple[str, ...]:
    loss, blimp, probes = (run.get(part, {}) for part in ("loss_nats", "blimp", "probes"))
    scores = [probes.get(task) for task in (*_CLASSES, "stsb")]
    mark = "" if RUNS[name].after is None else " *"
    return (
        f"{name}{mark}", f"{run['steps']:,}",
        *(_shown(loss.get(way), 3) for way in ("masked", "causal")),
        *(_shown(blimp.get(way), 1) for way in ("masked", "causal", "both")),
        *(_shown(probes.get(task), 1) for task in _CLASSES),
        _shown(None if None in scores else sum(scores) / len(scores), 1), _shown(probes.get("stsb"), 1),
        f"{run['steps_per_second']['median']:.2f}", _shown(run.get("flops_rate_beside_first"), 2),
    )  # fmt: skip


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
