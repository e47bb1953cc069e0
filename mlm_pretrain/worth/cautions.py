"""What a careful reader would object to: said on the page rather than left to be found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.compare.comparison import NOT_SHOWN
from mlm_pretrain.worth.families import among
from mlm_pretrain.worth.findings import Records
from mlm_pretrain.worth.saying import Findings
from mlm_pretrain.worth.variants import ADAPTED, CONTROL, Variant, of_role, unlike_unit
from mlm_pretrain.worth.wording import duration, signed

FEW_SEEDS = 5


def cautions(found: Findings, records: Records, tasks: Sequence[LabelledTask]) -> list[str]:
    """One sentence each; none where there is nothing to object."""
    return [
        *_of_splits(tasks),
        *_of_seeds(found.seeds),
        *_of_weights(found.variants, records),
        *_of_training(found.variants),
        *_of_choice(found),
        *_of_single_intervals(found),
        *_of_processors(records),
    ]


def _of_splits(tasks: Sequence[LabelledTask]) -> list[str]:
    return [
        f"{task.name} has no test file: its figures are of the validation file, which also chose the epoch "
        "of every run and the order of the variants, so they are too good."
        for task in tasks
        if task.scored_split == "validation"
    ]


def _of_seeds(seeds: int) -> list[str]:
    few = f"{seeds} seeds: with fewer than {FEW_SEEDS} only very large differences show."
    return [few] if seeds < FEW_SEEDS else []


def _of_weights(variants: Sequence[Variant], records: Records) -> list[str]:
    """Models that are copies of one; a Hub name has no files to look at."""
    weights = {run.variant: _weights(record) for run, record in records.items()}
    return [
        f"{later.name} has the same weights as {former.name}."
        for former, later in combinations(variants, 2)
        if weights[former.name] and weights[former.name] == weights[later.name]
    ]


def _weights(record: dict[str, Any]) -> dict[str, str]:
    files = record["inputs"]["model"].get("files", {})
    return {name: found for name, found in files.items() if name.endswith(".safetensors")}


def _of_training(variants: Sequence[Variant]) -> list[str]:
    """A control that was trained less says less."""
    controls = of_role(variants, CONTROL)
    pairs = [(one, of) for one in of_role(variants, ADAPTED) for of in controls]
    return [line for one, control in pairs if (line := _unlike_training(one, control))]


def _unlike_training(one: Variant, control: Variant) -> str:
    """ "" where they were trained alike."""
    unit = unlike_unit(one, control)
    if unit is None:
        return ""
    mine, its = (
        duration(v.cost[unit]) if unit == "seconds" else f"{v.cost[unit]:,.0f} {unit}"
        for v in (one, control)
    )
    return (
        f"The control {control.name} was trained for {its}, {one.name} for {mine}: what sets them apart may "
        "be that."
    )


def _of_choice(found: Findings) -> list[str]:
    keep, gains = found.choice.keep, found.choice.gains
    lines = [
        f"{control.name} is a control, and on validation {signed(gains[control.name])} over the base: ahead "
        f"of {keep} ({signed(gains[keep])})."
        for control in of_role(found.variants, CONTROL)
        if gains[control.name] > gains[keep] > 0
    ]
    if gains[keep] < 0:
        lines.append(f"{keep} is behind the base on validation: the files disagree.")
    return lines


def _of_single_intervals(found: Findings) -> list[str]:
    """Readers look at whether an interval holds 0."""
    return [
        f"{one.variant} against {one.against} on {one.task}: the interval by itself leaves out 0, but of "
        f"{len(among(found.comparisons, family=one.family))} comparisons one such may be chance."
        for one in found.comparisons
        if one.verdict == NOT_SHOWN and not one.effect.low <= 0 <= one.effect.high
    ]


def _of_processors(records: Records) -> list[str]:
    names = sorted({record["processor"]["name"] for record in records.values()})
    return [f"Runs were made on {len(names)} processors: {', '.join(names)}."] if names[1:] else []
