"""What a run, and those before it, are known to have done, for the card of the exported model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlm_pretrain.cards import hub_name
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.record import METRICS_FILE
from mlm_pretrain.manifest import MANIFEST, read_manifest
from mlm_pretrain.objectives import Objective
from mlm_pretrain.progress import say
from mlm_pretrain.training.checkpoints.finding import is_checkpoint
from mlm_pretrain.training.followed import prepared_length, read_followed, run_of
from mlm_pretrain.training.run_folder import read_run

_SUMMED = ("steps", "tokens", "seconds")  # over the phases of a training


def facts_of(
    run: Path, record: dict[str, Any], model: Any, learnt: Objective, places: list[Path]
) -> dict[str, Any]:
    """All that the card of an exported model states.

    Args:
        record: of `run`, as `read_run` gives it.
        learnt: the objective of the run.
        places: the runs, or checkpoints of runs, that led to the model, `run` the last.
    """
    facts = _facts(run, record, model) | _card_facts(learnt, record["config"])
    return facts | _phase_facts(places, facts) if len(places) > 1 else facts


def _facts(run: Path, record: dict[str, Any], model: Any) -> dict[str, Any]:
    facts = {
        "config": _shareable(record["config"]),
        "base_model": hub_name(record["config"]["init"]),
        "versions": record["versions"],
        "data_hash": record["data_hash"],
        "model_class": type(model).__name__,
        "model_type": model.config.model_type,
        "parameters": sum(p.numel() for p in model.parameters()),
        "counts": {},
        "data_counts": {},
        "validation": None,
    }
    if (run / MANIFEST).is_file():
        facts["counts"] = read_manifest(run, "pretrain").counts
    if (run / METRICS_FILE).is_file():
        scores = json.loads((run / METRICS_FILE).read_text(encoding="utf-8"))
        facts["validation"] = scores.get("validation")
    try:
        data = read_manifest(record["config"]["data"], "prepare")
        if data.content_hash != record["data_hash"]:
            raise InputError("prepared anew since")
        facts["data_counts"] = data.counts
    except InputError:
        say(f"{record['config']['data']}: gone, so the card cannot count the training text")
    return facts


def _card_facts(learnt: Objective, config: dict[str, Any]) -> dict[str, Any]:
    """What the objective says of its models, with the settings it was learned by."""
    several = {"parts": config["objectives"]} if config.get("objectives") else None
    settings = learnt.config.model_validate(several or config.get("objective_settings", {}))
    card = learnt.its_card
    return {"learnt": card, "use": f"{card.use(settings)} {card.alone}".strip()}


def _phase_facts(places: list[Path], facts: dict[str, Any]) -> dict[str, Any]:
    """Of a run that follows others: how the first one began, sums over all, and each by itself."""
    phases = [_phase(place) for place in places]
    first = read_run(run_of(places[0]))["config"]
    beginning = _shareable({name: first.get(name) for name in ("arch", "init", "start")})
    counts = {k: v for k, v in facts["counts"].items() if k != "epochs"}
    counts |= {name: sum(part["counts"].get(name, 0) for part in phases) for name in _SUMMED}
    return {
        "config": {**facts["config"], **beginning, "phases": phases},
        "base_model": hub_name(first["init"]),
        "counts": counts,
    }


def _phase(place: Path) -> dict[str, Any]:
    """Of a run, or of a run until one of its checkpoints."""
    run = run_of(place)
    record = read_run(run)
    config, counts = record["config"], dict[str, Any]()
    if is_checkpoint(place):
        counts = read_followed(place).counts
    elif (run / MANIFEST).is_file():
        counts = read_manifest(run, "pretrain").counts
    return {
        "name": config.get("name") or run.name,
        "max_length": prepared_length(config["data"]),
        "data_hash": record["data_hash"],
        "config": _shareable(config),
        "counts": counts,
    }


def _shareable(config: dict[str, Any]) -> dict[str, Any]:
    """Settings without this machine's folders: of a path from the root only the last part stays."""
    shown: dict[str, Any] = {}
    for name, value in config.items():
        is_path = isinstance(value, str) and Path(value).is_absolute()
        plain = Path(value).name if is_path else value
        shown[name] = _shareable(plain) if isinstance(plain, dict) else plain
    return shown
