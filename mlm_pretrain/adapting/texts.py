"""The texts of an adaptation, written once: the domain's without the task's test texts, general text, the
task's own. Each but the last is split by document, so that every model is judged on the same held-out text,
whatever its vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.claiming import written_whole
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import Document, fingerprint_corpus, read_corpus
from mlm_pretrain.corpus.split import is_validation
from mlm_pretrain.domain.overlap import (
    Overlap,
    TextIndex,
    held_out_texts,
    texts_of_split,
    without_overlap,
)
from mlm_pretrain.finetune.outputs import describe_input
from mlm_pretrain.made import is_made
from mlm_pretrain.manifest import read_manifest, write_manifest
from mlm_pretrain.progress import say

STAGE = "adapt texts"
HELD_OUT_SHARE = 0.05
_TASK_FILES = ("train", "validation", "test")


def write_texts(config: AdaptConfig, task: LabelledTask | None, places: Places) -> dict[str, Any]:
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
    overlap = None if task is None else Overlap(TextIndex(held_out_texts(task)))
    counts["domain"] = _write_split(_domain(config, overlap), folder, "domain", config.seed)
    if overlap is not None:
        counts["overlap"] = overlap.as_dict()
    if config.general:
        general = (document.text for document in read_corpus(config.general, config.read))
        counts["general"] = _write_split(general, folder, "general", config.seed)
    if task is not None:
        counts["task"] = _write(
            (text for text, _ in texts_of_split(task, "train")), folder / "task.jsonl"
        )
    return counts


def _domain(config: AdaptConfig, overlap: Overlap | None) -> Iterator[str]:
    """Its documents, without what `overlap` finds in them."""

    def read() -> Iterator[Document]:
        return read_corpus(config.corpus, config.read)

    if overlap is None:
        yield from (document.text for document in read())
        return
    yield from (rest for _, rest in without_overlap(read, overlap) if rest)


def _write_split(texts: Iterable[str], folder: Path, name: str, seed: int) -> dict[str, Any]:
    """NAME-train.jsonl and NAME-validation.jsonl; a document's text decides where it goes."""
    counts = {split: {"documents": 0, "bytes": 0} for split in ("train", "validation")}
    with ExitStack() as stack:
        files = {
            split: stack.enter_context(
                (folder / f"{name}-{split}.jsonl").open("w", encoding="utf-8")
            )
            for split in counts
        }
        for text in texts:
            is_held_out = is_validation(Document(text, ""), HELD_OUT_SHARE, seed)
            split = "validation" if is_held_out else "train"
            files[split].write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            counts[split]["documents"] += 1
            counts[split]["bytes"] += len(text.encode())
    if not counts["validation"]["documents"]:
        say(f"{name} text: too few documents to hold any back, so nothing is measured on it")
    return counts


def _write(texts: Iterable[str], path: Path) -> dict[str, Any]:
    """Each text once."""
    found = dict.fromkeys(text for text in texts if text.strip())
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in found]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"train": {"documents": len(found), "bytes": sum(len(t.encode()) for t in found)}}
