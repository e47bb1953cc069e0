"""worth.json: every number, and what it was made of. The page is written from it alone."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.manifest import hash_json, versions
from mlm_pretrain.worth.cautions import cautions
from mlm_pretrain.worth.families import (
    DOMAIN,
    GAIN,
    Comparison,
    TaskRuns,
    among,
    joint_verdict,
    own_interval,
)
from mlm_pretrain.worth.findings import Records, records_of, scores_of
from mlm_pretrain.worth.saying import Findings, keep_sentence, overall, sentences, settling
from mlm_pretrain.worth.variants import ADAPTED, BASE, Variant

_HOUR = 3_600
QUESTIONS = {
    GAIN: "is a variant better than the base?",
    DOMAIN: "is an adapted model better than a control trained as much on other text?",
}
_DATA_ROLES = ("train", "validation", "test")


def record_of(
    found: Findings,
    records: Records,
    tasks: Sequence[LabelledTask],
    runs: Mapping[str, TaskRuns],
    out: Path,
) -> dict[str, Any]:
    """All of worth.json but labels, what was forgotten, and the command. Scores are shares of 1."""
    return {
        "verdict": overall(found),
        "sentences": sentences(found),
        "keep": {
            "variant": found.choice.keep,
            "sentence": keep_sentence(found),
            "chosen_on": "validation",
            "first_on_validation": found.choice.first,
            "order": list(found.choice.order),
            "validation_gains": dict(found.choice.gains),
        },
        "cautions": cautions(found, records, tasks),
        "families": _families(found.comparisons),
        "comparisons": [_comparison(one, found) for one in found.comparisons],
        "variants": {v.name: _variant(v, found, records) for v in found.variants},
        "tasks": {task.name: _task(task, found, records, runs) for task in tasks},
        "seeds": list(range(found.seeds)),
        **_circumstances(records),
        "runs": [_run(run, record, out) for run, record in records.items()],
    }


def _families(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    sizes = {family: len(among(comparisons, family=family)) for family in QUESTIONS}
    return {
        family: {"question": QUESTIONS[family], "comparisons": size, "correction": "Holm"}
        for family, size in sizes.items()
        if size
    }


def _comparison(one: Comparison, found: Findings) -> dict[str, Any]:
    seconds = found.variant(one.variant).seconds
    per_hour = None
    if one.family == GAIN and seconds:
        effect = one.effect
        ends = {"gain": effect.difference, "low": effect.low, "high": effect.high}
        per_hour = {name: value * _HOUR / seconds for name, value in ends.items()}
    return {
        "family": one.family, "task": one.task, "variant": one.variant, "against": one.against,
        "metric": found.metrics[one.task], **asdict(one.effect), "p_holm": one.p_holm,
        "verdict": one.verdict, "seeds_needed": one.seeds_needed,
        "examples_needed": one.examples_needed, "settling": settling(one), "per_hour": per_hour,
    }  # fmt: skip


def _variant(variant: Variant, found: Findings, records: Records) -> dict[str, Any]:
    mine = [record for run, record in records.items() if run.variant == variant.name]
    model = mine[0]["inputs"]["model"]
    told: dict[str, str | None] = {}
    if variant.role != BASE:
        told["verdict"] = found.verdict(variant.name)
    if variant.role == ADAPTED:
        told["beside_the_control"] = _beside_the_control(variant.name, found)
    return {
        "role": variant.role, "model": variant.model, "notes": variant.notes,
        "cost": dict(variant.cost), **told,
        "content": model, "content_hash": hash_json({k: v for k, v in model.items() if k != "path"}),
        "parameters": max(record["parameters"] for record in mine),
        "seconds_a_run": round(statistics.mean(record["seconds"] for record in mine), 2),
    }  # fmt: skip


def _beside_the_control(name: str, found: Findings) -> str | None:
    """The joint verdict of the second question; None where there is no control."""
    verdicts = [one.verdict for one in among(found.comparisons, family=DOMAIN, variant=name)]
    return joint_verdict(verdicts) if verdicts else None


def _task(
    task: LabelledTask, found: Findings, records: Records, runs: Mapping[str, TaskRuns]
) -> dict[str, Any]:
    of_base = records_of(records, task.name, found.variants[0].name)[0]
    return {
        "kind": task.kind, "metric": found.metrics[task.name], "scored": task.scored_split,
        "examples": found.examples[task.name], "train_examples": of_base["train_examples"],
        "data": {role: of_base["inputs"][role] for role in _DATA_ROLES if role in of_base["inputs"]},
        "settings": _settings(of_base["config"]),
        "scores": {v.name: _scores(task, v.name, records, runs) for v in found.variants},
    }  # fmt: skip


def _scores(
    task: LabelledTask, name: str, records: Records, runs: Mapping[str, TaskRuns]
) -> dict[str, Any]:
    mine = records_of(records, task.name, name)
    own = own_interval(runs[task.name], name)
    by_split = {
        split: scores_of(mine, split) for split in dict.fromkeys(("validation", task.scored_split))
    }
    return {
        **by_split, "mean": statistics.mean(by_split[task.scored_split]), "low": own.low,
        "high": own.high, "validation_mean": statistics.mean(by_split["validation"]),
    }  # fmt: skip


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of `finetune`, as they were for all variants and seeds."""
    own = ("model", "revision", "seed", "out", "save_model", *_DATA_ROLES)
    return {name: value for name, value in config.items() if name not in own}


def _circumstances(records: Records) -> dict[str, Any]:
    """When, on what, with what."""
    made = list(records.values())
    processors = {r["processor"]["name"]: r["processor"] for r in made}
    return {
        "written_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "processors": list(processors.values()),
        "seconds": round(sum(record["seconds"] for record in made), 1),
    }


def _run(run: Any, record: Mapping[str, Any], out: Path) -> dict[str, Any]:
    folder = Path(record["folder"]).relative_to(out).as_posix()
    return {**run._asdict(), "seconds": record["seconds"], "folder": folder}
