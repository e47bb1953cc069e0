"""What the card of the adapted model says, gathered from the stages' records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.losses import changes_of
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.variants import BASE, GENERAL, chain_of
from mlm_pretrain.cards import (
    AdaptedFacts,
    NewVocabulary,
    TextSource,
    TrainingFacts,
    WorthResult,
    base_licence,
    card_examples,
    write_adapted_card,
)
from mlm_pretrain.cards.adapted_facts import LossPair
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import fingerprint_corpus, read_corpus
from mlm_pretrain.corpus.audit import incidents
from mlm_pretrain.domain.overlap import held_out_texts
from mlm_pretrain.environment import processor_name, usable_cores
from mlm_pretrain.evaluation.statistics.effect import LEVEL
from mlm_pretrain.manifest import read_manifest, versions
from mlm_pretrain.objectives.together import recorded
from mlm_pretrain.training.learning.config import LoraConfig, TrainsConfig
from mlm_pretrain.training.run_folder import read_run

_LISTS = ("corpus", "general", "control")
# Counted while text is read, and nothing that is left out.
_STILL_THERE = ("cut_documents", "modules")
_FLAGS = (
    "model", "revision", "task", "train", "validation", "test", "out", "minutes", "steps", "words", "seeds",
)  # fmt: skip


def write_card(
    config: AdaptConfig, task: LabelledTask | None, result: dict[str, Any], places: Places
) -> Path:
    """Write the README.md of model/ from the result of the adaptation."""
    return write_adapted_card(places.model, _facts(config, task, result, places))


def _facts(
    config: AdaptConfig, task: LabelledTask | None, result: dict[str, Any], places: Places
) -> AdaptedFacts:
    kept, tokenizer = result["kept"], AutoTokenizer.from_pretrained(places.model)
    architecture = AutoConfig.from_pretrained(places.model).architectures[0]
    learnt = recorded(read_run(places.run(chain_of(kept)[0]))["config"]).its_card
    words = [example["word"] for example in (result["vocabulary"] or {}).get("examples", [])]
    return AdaptedFacts(
        name=places.root.resolve().name, base_model=config.model, model_class=architecture,
        parameters=read_manifest(places.model, "export").counts["parameters"], versions=versions(),
        base_revision=result["commit"],
        licence=base_licence(config.model, result["commit"]),
        sources=_sources(config.corpus, config, result["texts"]["domain"]),
        general=_sources(config.general, config, result["texts"].get("general")),
        removed=_removed(result["texts"]), distance=_distance(result["measures"]),
        training=_training(config, result, places),
        vocabulary=_vocabulary(result["vocabulary"]), worth=_worth(result["worth"], kept),
        worth_level=1 - LEVEL, domain_loss=_pair(result, "domain"),
        general_loss=_pair(result, "general"),
        examples=[] if learnt.pipeline_tag is None else card_examples(
            _held_out(places), tokenizer, prefer=words, examples=config.examples,
            never=[] if task is None else [text.text for text in held_out_texts(task)],
        ),
        mask_token=tokenizer.mask_token, command=command_of(config),
        pipeline_tag=learnt.pipeline_tag, opens_as=learnt.opens_as,
        max_length=config.prepare.max_length,
    )  # fmt: skip


def _sources(specs: list[str], config: AdaptConfig, counts: Any) -> list[TextSource]:
    """What was given; documents and bytes are known of all of it together."""
    if not specs or counts is None:
        return []
    found = fingerprint_corpus(specs, config.read)
    name = specs[0] if len(specs) == 1 else f"{len(specs)} sources"
    train = counts["train"]
    return [
        TextSource(
            name=name, documents=train["documents"], bytes=train["bytes"],
            xxh3_128=found["xxh3_128"],
        )
    ]  # fmt: skip


def _removed(texts: dict[str, Any]) -> dict[str, int]:
    """What of the domain's text and of general text was left out."""
    found = _left_out("domain", texts["domain"], texts.get("overlap"))
    if (general := texts.get(GENERAL)) is not None:
        found |= _left_out(GENERAL, general, general.get("overlap"))
    return {reason: count for reason, count in found.items() if count}


def _left_out(name: str, counts: dict[str, Any], overlap: dict[str, Any] | None) -> dict[str, int]:
    """The same of the text called `name`: while it was read, and as text of the task."""
    found = {
        f"while {name} text was read: {reason.replace('_', ' ')}": count
        for reason, count in incidents(counts["read"]).items()
        if reason not in _STILL_THERE
    }
    if overlap is None:
        return found
    passages = f"passages of the task's held-out texts in {name} text"
    found |= {f"{passages}: {reason}": count for reason, count in overlap["places"].items()}
    removed = overlap["corpus"]["documents_removed"]
    return {**found, f"documents of {name} text that were mostly such text": removed}


def _distance(measures: dict[str, Any]) -> dict[str, float]:
    """How far the domain is from general text, where there was some, and how the old vocabulary suits it."""
    found: dict[str, float] = {}
    if (words := measures["words"]) is not None:
        found["divergence of words from general text, bits"] = words["unigrams"]["bits"]
        found["the same between two halves of the domain's text"] = words["unigrams"]["noise"]
    for text, fit in measures["fit"].items():
        found[f"tokens a word before, {text} text"] = fit["fertility"]
    return found


def _training(config: AdaptConfig, result: dict[str, Any], places: Places) -> TrainingFacts:
    """Of the kept model: all runs that led to it, and the settings of the first, which is the longest."""
    chain = chain_of(result["kept"])
    runs = [result["variants"][name] for name in chain]
    settings = read_run(places.run(chain[0]))["config"]
    rate, factor = float(settings["learning_rate"]), float(settings["new_rows_rate"])
    replay = settings.get("replay")
    return TrainingFacts(
        steps=sum(run["steps"] for run in runs), tokens=sum(run["tokens"] for run in runs),
        epochs=runs[0]["epochs"], minutes=round(sum(run["seconds"] for run in runs) / 60, 1),
        hardware=f"{usable_cores()} cores of {processor_name()}", learning_rate=rate,
        new_rows_learning_rate=rate * factor if factor != 1 else None,
        replay_share=replay["share"] if replay else 0.0,
        others=_learnt(settings) | _others(result, chain),
    )  # fmt: skip


def _learnt(settings: dict[str, Any]) -> dict[str, Any]:
    """By what the model was trained, and what of it, where that was not all."""
    found: dict[str, Any] = {"objective": recorded(settings).its_card.trained_by}
    trains = TrainsConfig.model_validate(settings.get("trains", {}))
    if not trains.is_all:
        found["layers that learn"] = str(trains.layers)
        found["embeddings learn"] = str(trains.embeddings)
    if lora := settings.get("lora"):
        change = LoraConfig.model_validate(lora)
        found["low-rank change"] = f"{change.name}, of {change.targets}"
        found["its rank and alpha"] = f"{change.rank} and {change.scale:g}"
    return found


def _others(result: dict[str, Any], chain: list[str]) -> dict[str, Any]:
    """What came after the domain's text."""
    more = {name: result["variants"][name]["steps"] for name in chain[1:]}
    return {
        f"of the steps, on the task's own texts ({name})": steps for name, steps in more.items()
    }


def _vocabulary(found: dict[str, Any] | None) -> NewVocabulary | None:
    if found is None:
        return None
    of = "validation" if "validation" in found else "corpus"
    return NewVocabulary(
        words=found["words"], tokens_before=found[of]["before"]["tokens"],
        tokens_after=found[of]["after"]["tokens"], tokens_of=f"the domain's {of} text",
        examples=[example["word"] for example in found["examples"]][:10],
    )  # fmt: skip


def _worth(worth: dict[str, Any] | None, kept: str) -> list[WorthResult]:
    if worth is None:
        return []
    rows = []
    for one in worth["comparisons"]:
        if (one["family"], one["variant"]) != ("gain", kept):
            continue
        task = worth["tasks"][one["task"]]
        means = {name: scores["mean"] for name, scores in task["scores"].items()}
        seen = {
            **one, "kind": task["kind"], "split": task["scored"], "seeds": worth["seeds"],
            "base_mean": means[BASE], "adapted_mean": means[kept], "control_mean": means.get("control"),
        }  # fmt: skip
        rows.append(WorthResult.model_validate(seen))
    return rows


def _pair(result: dict[str, Any], text: str) -> LossPair | None:
    """What the kept model lost or won on a text."""
    kept = result["kept"]
    found = changes_of(result["losses"], kept, result["variants"][kept], BASE).get(text)
    if found is None:
        return None
    return LossPair(before=found.before, after=found.after, unit=found.unit)


def _held_out(places: Places) -> Iterator[str]:
    path = places.held_out("domain")
    if path is not None:
        yield from (document.text for document in read_corpus([str(path)]))


def command_of(config: AdaptConfig) -> list[str]:
    """What made it, word by word; settings that were not given are the defaults."""
    words = ["mlm-pretrain", "adapt"]
    for name, value in config.said().items():
        if name in _LISTS:
            words += [f"--{name}", *value]
        elif name in _FLAGS:
            words += [f"--{name}", str(value)]
        else:
            within = (
                {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else None
            )
            words += _settings(within or {name: value})
    return words


def _settings(values: dict[str, Any]) -> list[str]:
    """As `--set` reads them."""
    shown = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    return [word for name, value in shown.items() for word in ("--set", f"{name}={value}")]
