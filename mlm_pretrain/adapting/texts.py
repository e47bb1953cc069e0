"""The texts of an adaptation, written once: the domain's without the task's test texts, general text, the
task's own. Each but the last is split by document, so that every model is judged on the same held-out text,
whatever its vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.claiming import written_whole
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import Document, fingerprint_corpus, read_corpus
from mlm_pretrain.corpus.split import is_validation
from mlm_pretrain.corpus.writing import TextFile, write_texts
from mlm_pretrain.domain.cleaning import texts_left
from mlm_pretrain.domain.overlap import HELD_OUT, Overlap, TextIndex, held_out_texts, texts_of_split
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.finetune.outputs import describe_input
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import read_manifest, write_manifest
from mlm_pretrain.progress import say

STAGE = "adapt texts"
HELD_OUT_SHARE = 0.05
_TASK_FILES = ("train", *HELD_OUT)


def gather_texts(config: AdaptConfig, task: LabelledTask | None, places: Places) -> dict[str, Any]:
    """Write `texts/`, or find it written from the same files.

    Returns:
        Documents and bytes of each text, and under `overlap` what of the task's files was taken out.

    Raises:
        InputError: for text or rows that cannot be read.
    """
    inputs = _inputs(config, task)
    settings = {"held_out_share": HELD_OUT_SHARE, "seed": config.seed, "task": config.task}
    hashes = {role: str(found["xxh3_128"]) for role, found in inputs.items() if "xxh3_128" in found}
    if not is_made(places.texts, STAGE, settings, hashes):
        with written_whole(places.texts, overwrite=True) as folder:
            counts = _write_all(config, task, folder)
            write_manifest(folder, STAGE, settings, inputs, counts)
    return read_manifest(places.texts, STAGE).counts


def _inputs(config: AdaptConfig, task: LabelledTask | None) -> dict[str, dict[str, Any]]:
    texts = {"corpus": config.corpus, "general": config.general}
    found = {role: fingerprint_corpus(specs, config.read) for role, specs in texts.items() if specs}
    files = {} if task is None else {name: task.settings.get(name) for name in _TASK_FILES}
    return {**found, **{name: describe_input(path, None) for name, path in files.items() if path}}


def _write_all(config: AdaptConfig, task: LabelledTask | None, folder: Path) -> dict[str, Any]:
    counts: dict[str, Any] = {}
    overlap = Overlap(TextIndex([] if task is None else held_out_texts(task)))
    domain = texts_left(CorpusReading(config.corpus, config.read), overlap)
    counts["domain"] = _write_split(domain, folder, "domain", config.seed)
    if config.general:
        general = (document.text for document in read_corpus(config.general, config.read))
        counts["general"] = _write_split(general, folder, "general", config.seed)
    if task is not None:
        counts["overlap"] = overlap.as_dict()
        own = dict.fromkeys(text for text, _ in texts_of_split(task, "train") if text.strip())
        counts["task"] = {"train": write_texts(folder / "task.jsonl", own)}
    return counts


def _write_split(texts: Iterable[str], folder: Path, name: str, seed: int) -> dict[str, Any]:
    """NAME-train.jsonl and NAME-validation.jsonl; a document's text decides where it goes."""
    train, validation = (folder / f"{name}-{split}.jsonl" for split in ("train", "validation"))
    with TextFile(train) as learnt, TextFile(validation) as held_out:
        for text in texts:
            is_held_out = is_validation(Document(text, ""), HELD_OUT_SHARE, seed)
            (held_out if is_held_out else learnt).add(text)
    if not held_out.documents:
        say(f"{name} text: too few documents to hold any back, so nothing is measured on it")
    return {"train": learnt.counts, "validation": held_out.counts}
