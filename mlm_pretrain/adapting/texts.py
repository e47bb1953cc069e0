"""The texts of an adaptation, written once: the domain's, general text, that of the control, the task's own.

The task's validation and test texts are taken out of all but the last. The domain's and general text are
split by document, so that every model is judged on the same held-out text, whatever its vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.claiming import written_whole
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import Document, fingerprint_corpus
from mlm_pretrain.corpus.split import is_validation, split_key
from mlm_pretrain.corpus.writing import TextFile, read_texts, write_texts
from mlm_pretrain.domain.cleaning import texts_left
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
from mlm_pretrain.progress import say

STAGE = "adapt texts"
HELD_OUT_SHARE = 0.05
_TASK_FILES = ("train", *HELD_OUT)
_CLEANED = ("corpus", "general", "control")  # settings that name text


def gather_texts(config: AdaptConfig, task: LabelledTask | None, places: Places) -> dict[str, Any]:
    """Write `texts/`, or find it written from the same files, read in the same way.

    Returns:
        Documents and bytes of each text, and with a task what of its files was taken out of it: of the
        domain's under `overlap`, of the others' under `general.overlap` and `control.overlap`.

    Raises:
        InputError: for text or rows that cannot be read, and text of which nothing is left.
    """
    inputs = _inputs(config, task)
    settings = _settings(config, task, inputs)
    if not _are_written(places.texts, settings, inputs):
        with written_whole(places.texts, overwrite=True) as folder:
            counts = _write_all(config, task, folder)
            write_manifest(folder, STAGE, settings, inputs, counts)
    return read_manifest(places.texts, STAGE).counts


def _inputs(config: AdaptConfig, task: LabelledTask | None) -> dict[str, dict[str, Any]]:
    texts = {role: getattr(config, role) for role in _CLEANED}
    found = {role: fingerprint_corpus(specs, config.read) for role, specs in texts.items() if specs}
    files = {} if task is None else {name: task.settings.get(name) for name in _TASK_FILES}
    return {**found, **{name: describe_input(path, None) for name, path in files.items() if path}}


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


def _are_written(
    folder: Path, settings: dict[str, Any], inputs: dict[str, dict[str, Any]]
) -> bool:
    """Whether what lies there is what would be written; of a data set without a commit nobody can tell."""
    named: dict[str, dict[str, Any]] = settings["named"]
    unknown = [of["path"] for of in named.values() if of.get("revision") in (None, "unknown")]
    if unknown and (folder / MANIFEST).is_file():
        say(f"{folder}: made again, for nobody says whether {unknown[0]} is what it was")
    hashes = {role: str(of["xxh3_128"]) for role, of in inputs.items() if role not in named}
    return not unknown and is_made(folder, STAGE, settings, hashes)


def _write_all(config: AdaptConfig, task: LabelledTask | None, folder: Path) -> dict[str, Any]:
    index = TextIndex([] if task is None else held_out_texts(task))
    overlaps = {name: Overlap(index) for name in ("domain", "general", "control")}

    def left(name: str, specs: list[str]) -> Iterator[str]:
        return texts_left(CorpusReading(specs, config.read), overlaps[name])

    counts: dict[str, Any] = {}
    counts["domain"] = _write_split(left("domain", config.corpus), folder, "domain", config.seed)
    if config.general:
        general = left("general", config.general)
        counts["general"] = _write_split(general, folder, "general", config.seed)
    if config.control:
        found = write_texts(folder / "control-train.jsonl", left("control", config.control))
        _require_text("control", found["documents"])
        counts["control"] = {"train": found}
    if task is not None:
        counts["overlap"] = overlaps["domain"].as_dict()
        for name in ("general", "control"):
            if name in counts:
                counts[name]["overlap"] = overlaps[name].as_dict()
        own = dict.fromkeys(text for text, _ in texts_of_split(task, "train") if text.strip())
        counts["task"] = {"train": write_texts(folder / "task-train.jsonl", own)}
    return counts


def _write_split(texts: Iterable[str], folder: Path, name: str, seed: int) -> dict[str, Any]:
    """NAME-train.jsonl and NAME-validation.jsonl; a document's text decides where it goes."""
    train, validation = (folder / f"{name}-{split}.jsonl" for split in ("train", "validation"))
    with TextFile(train) as learnt, TextFile(validation) as held_out:
        for text in texts:
            is_held_out = is_validation(Document(text, ""), HELD_OUT_SHARE, seed)
            (held_out if is_held_out else learnt).add(text)
    _require_text(name, learnt.documents + held_out.documents)
    if not learnt.documents or not held_out.documents:
        few = [*read_texts(train), *read_texts(validation)]
        held, rest = _one_held_back(few, seed)
        if not held:
            say(f"{name} text: one document, of which none can be held back to measure by")
        return {"train": write_texts(train, rest), "validation": write_texts(validation, held)}
    return {"train": learnt.counts, "validation": held_out.counts}


def _one_held_back(few: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """(the document that the smallest share would hold back, with its copies; the others).

    Where there are no others, nothing is held back.
    """
    first = min(few, key=lambda text: split_key(text, seed))
    rest = [text for text in few if text != first]
    return ([first] * (len(few) - len(rest)), rest) if rest else ([], list(few))


def _require_text(name: str, documents: int) -> None:
    if not documents:
        raise InputError(
            f"{name} text: without the task's validation and test texts nothing is left of it",
            "give more text",
        )
