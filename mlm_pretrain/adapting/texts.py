"""The texts of an adaptation, written once: the domain's, general text, that of the control, the task's own.

The task's validation and test texts are taken out of all but the last. Of the domain's and general text whole
documents are held back, which no model is trained on, so that all are measured by the same text, whatever
their vocabulary and whatever text was given twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.splitting import HELD_OUT_SHARE, HeldBack, write_split
from mlm_pretrain.adapting.variants import GENERAL
from mlm_pretrain.claiming import written_whole
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import Document, ReadOptions, fingerprint_corpus
from mlm_pretrain.corpus.writing import write_texts
from mlm_pretrain.domain.cleaning import documents_left
from mlm_pretrain.domain.overlap import (
    HELD_OUT,
    Overlap,
    TextIndex,
    held_out_texts,
    reading_settings,
    texts_of_split,
)
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune.outputs import describe_input
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import MANIFEST, read_manifest, write_manifest
from mlm_pretrain.packing.plan import check_disk, text_size
from mlm_pretrain.progress import say

STAGE = "adapt texts"
_TASK_FILES = ("train", *HELD_OUT)
_CLEANED = ("corpus", "general", "control")  # settings that name text
_MARGIN = 1.1  # what JSON adds to text


def gather_texts(config: AdaptConfig, task: LabelledTask | None, places: Places) -> dict[str, Any]:
    """Write `texts/`, or find it written from the same files, read in the same way.

    Returns:
        Documents and bytes of each text, and under `read` what was skipped, cut and replaced meanwhile. With
        a task also what of its files was taken out: of the domain's text under `overlap`, of others under
        `general.overlap` and `control.overlap`. Under `held_out` of the control and the task, how many
        documents were left out for being held back of other text.

    Raises:
        InputError: for text or rows that cannot be read, and text of which nothing is left.
    """
    inputs = _inputs(config, task)
    settings = _settings(config, task, inputs)
    if not _are_written(places.texts, settings, inputs):
        _check_disk(config, inputs, places.texts)
        with written_whole(places.texts, overwrite=True) as folder:
            counts = _write_all(config, task, folder)
            write_manifest(folder, STAGE, settings, inputs, counts)
    return read_manifest(places.texts, STAGE).counts


def _inputs(config: AdaptConfig, task: LabelledTask | None) -> dict[str, dict[str, Any]]:
    texts = {role: getattr(config, role) for role in _CLEANED}
    found = {role: fingerprint_corpus(specs, config.read) for role, specs in texts.items() if specs}
    files = {} if task is None else {name: task.settings.get(name) for name in _TASK_FILES}
    return {**found, **{name: describe_input(path, None) for name, path in files.items() if path}}


def _check_disk(config: AdaptConfig, inputs: Mapping[str, dict[str, Any]], folder: Path) -> None:
    """What is read is written once more: refuse it where it does not fit, as far as files tell its size."""
    if config.read.limit_documents is not None:
        return
    most = config.read.limit_bytes or math.inf
    given = {role: inputs[role] for role in _CLEANED if role in inputs}
    sizes = [min(text_size(getattr(config, role), of), most) for role, of in given.items()]
    check_disk(_MARGIN * sum(sizes), folder, "--set read.limit_bytes=…")


def _settings(
    config: AdaptConfig, task: LabelledTask | None, inputs: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """All that texts/ depends on but the content of files: with another, test texts might stay in it."""
    return {
        "held_out_share": HELD_OUT_SHARE, "seed": config.seed, "task": config.task,
        "cleaned": list(_CLEANED), "inputs": sorted(inputs),
        "reading": {} if task is None else reading_settings(task),
        "named": {role: found for role, found in inputs.items() if "xxh3_128" not in found},
    }  # fmt: skip


def _are_written(folder: Path, settings: dict[str, Any], inputs: dict[str, dict[str, Any]]) -> bool:
    """Whether what lies there is what would be written; of a data set without a commit nobody can tell."""
    named: dict[str, dict[str, Any]] = settings["named"]
    unknown = [of["path"] for of in named.values() if of.get("revision") in (None, "unknown")]
    if unknown and (folder / MANIFEST).is_file():
        say(f"{folder}: made again, for nobody says whether {unknown[0]} is what it was")
    hashes = {role: str(of["xxh3_128"]) for role, of in inputs.items() if role not in named}
    return not unknown and is_made(folder, STAGE, settings, hashes)


class _Cleaning:
    """Reads texts without the task's validation and test texts, and counts what was skipped and taken out."""

    def __init__(self, read: ReadOptions, task: LabelledTask | None) -> None:
        self._read, self._has_task = read, task is not None
        self._index = TextIndex([] if task is None else held_out_texts(task))
        self._readings: dict[str, CorpusReading] = {}
        self._overlaps: dict[str, Overlap] = {}

    def documents(self, name: str, specs: Sequence[str]) -> Iterator[Document]:
        """What is left of the text called `name`."""
        self._readings[name] = CorpusReading(specs, self._read)
        self._overlaps[name] = Overlap(self._index)
        return documents_left(self._readings[name], self._overlaps[name])

    def counts(self) -> dict[str, dict[str, Any]]:
        """By name, once all documents were read, `read` (see `Audit`) and, with a task, `overlap`."""
        found = {name: {"read": read.audit.as_dict()} for name, read in self._readings.items()}
        for name, overlap in self._overlaps.items() if self._has_task else ():
            found[name]["overlap"] = overlap.as_dict()
        return found


def _write_all(config: AdaptConfig, task: LabelledTask | None, folder: Path) -> dict[str, Any]:
    cleaning = _Cleaning(config.read, task)
    counts: dict[str, Any] = {}
    for name, specs in (("domain", config.corpus), (GENERAL, config.general)):
        if specs:
            counts[name] = write_split(cleaning.documents(name, specs), folder, name, config.seed)
            _require_text(name, counts[name])
    others: dict[str, Iterable[str]] = {}
    if config.control:
        control = cleaning.documents("control", config.control)
        others["control"] = (document.text for document in control)
    if task is not None:
        own = (text for text, _ in texts_of_split(task, "train") if text.strip())
        others["task"] = dict.fromkeys(own)
    counts |= _write_others(others, folder)
    for name, found in cleaning.counts().items():
        counts[name] |= found
    return counts if task is None else counts | {"overlap": counts["domain"].pop("overlap")}


def _write_others(others: Mapping[str, Iterable[str]], folder: Path) -> dict[str, Any]:
    """NAME-train.jsonl of texts none of which is held back, without documents of others that are.

    One file may be general text and that of the control, and the task's text that of the domain: a model that
    was trained on what all are measured by would seem to forget less.

    Returns:
        By name documents and bytes, and under `held_out` how many documents were left out for that.
    """
    counts: dict[str, Any] = {}
    for name, texts in others.items():
        held = HeldBack(folder / f"{of}-validation.jsonl" for of in ("domain", GENERAL))
        found = write_texts(folder / f"{name}-train.jsonl", held.others(texts))
        counts[name] = {"train": found, "held_out": held.left_out}
    if "control" in counts:
        _require_text("control", {"train": counts["control"]["train"]})
    return counts


def _require_text(name: str, found: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse a text without documents in any split."""
    if not any(split["documents"] for split in found.values()):
        raise InputError(
            f"{name} text: without the task's validation and test texts, and what of other text is held back "
            "to measure by, nothing is left of it",
            "give more text",
        )
