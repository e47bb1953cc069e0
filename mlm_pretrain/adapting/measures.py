"""The domain beside the checkpoint, measured once: what to expect, how long it takes, what is advised."""

from __future__ import annotations

import json
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.texts import STAGE
from mlm_pretrain.adapting.variants import length_of
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.domain import MeasureConfig, forecast, measure, write_report
from mlm_pretrain.domain.advice import NEW_VOCABULARY
from mlm_pretrain.finetune.outputs import describe_model
from mlm_pretrain.manifest import hash_json, read_manifest, write_json
from mlm_pretrain.progress import say

_KEY_FILE = "key.json"


def measured(
    config: AdaptConfig, task: LabelledTask | None, texts: dict[str, Any], places: Places, base: str
) -> dict[str, Any]:
    """What `domain.measure` finds of the texts as they lie in texts/, with a forecast; kept in measures/.

    Args:
        texts: what `gather_texts` counted.
    """
    written = read_manifest(places.texts, STAGE).content_hash
    length = length_of(config)
    counted = [texts.get(name) for name in ("domain", "general", "overlap")]
    key = hash_json(
        [written, counted, describe_model(base, None), length, config.prepare.max_length, config.pretrain,
         config.seed]
    )  # fmt: skip
    report, known = places.measures / "domain_report.json", places.measures / _KEY_FILE
    if not (known.is_file() and json.loads(known.read_text(encoding="utf-8")) == {"key": key}):
        found = _measure(config, task, texts, places, base)
        found["forecast"] = forecast(
            base, [str(places.learnt("domain"))], max_length=config.prepare.max_length,
            settings=config.settings_of_runs(has_new_words=False), **length,
        )  # fmt: skip
        write_report(places.measures, found)
        write_json(known, {"key": key})
    advised: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    say(f"advice: {advised['advice']['verdict']} ({places.measures / 'domain_report.md'})")
    return advised


def _measure(
    config: AdaptConfig, task: LabelledTask | None, texts: dict[str, Any], places: Places, base: str
) -> dict[str, Any]:
    general = [str(places.learnt("general"))] if config.general else None
    found = measure(
        base, [str(places.learnt("domain"))], general=general,
        config=MeasureConfig(seed=config.seed),
    )  # fmt: skip
    if task is not None:
        found["overlap"] = {task.name: texts["overlap"]}
        sizes = [texts["domain"][split] for split in ("train", "validation")]
        found["clean"] = {
            "corpus": str(places.texts), "overlap": texts["overlap"],
            "read": texts["domain"]["read"],
            "documents": sum(size["documents"] for size in sizes),
            "bytes": sum(size["bytes"] for size in sizes),
        }  # fmt: skip
    return found


def words_for(config: AdaptConfig, measures: dict[str, Any]) -> int:
    """How many words of the domain the vocabulary gets: as asked, or as advised."""
    if config.words != "auto":
        return config.words
    return config.most_words if measures["advice"]["verdict"] == NEW_VOCABULARY else 0
