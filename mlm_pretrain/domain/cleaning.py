"""`clean`: a corpus without a task's test and validation texts, and without copies where asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.claiming import written_whole
from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.corpus import Document, ReadOptions, fingerprint_corpus
from mlm_pretrain.corpus.writing import write_texts
from mlm_pretrain.domain.near_duplicates import require_room
from mlm_pretrain.domain.overlap import (
    HELD_OUT,
    Overlap,
    TextIndex,
    held_out_texts,
    without_overlap,
)
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import describe_file, write_json, write_manifest
from mlm_pretrain.progress import track
from mlm_pretrain.redaction import redacted_values

STAGE = "domain"
CORPUS_FILE, OVERLAP_FILE = "corpus.jsonl", "overlap.json"


def clean(
    corpus: Sequence[str],
    out: str | Path,
    *,
    tasks: Sequence[LabelledTask] = (),
    reading: ReadOptions | None = None,
    drop_near_duplicates: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write `out/corpus.jsonl` (`{"text"}` a document) without the tasks' held-out texts.

    Of a document the sentences go that hold such a text, and all of it where they are most of it (the
    rules are those of `domain.overlap.rules`); what stays, stays letter by letter. The corpus is read
    twice with tasks, once without, and never held in memory.

    Args:
        tasks: whose validation, test and unlabelled files the corpus must not hold.
        reading: how the corpus is read; with `drop_duplicates` exact copies of documents go too.
        drop_near_duplicates: so do documents that say nearly the same as an earlier one. Takes 1.2 KB of
            memory a document, and one reading more to see whether there is so much.

    Returns:
        `{"out", "corpus", "documents", "bytes", "read": audit, "overlap": counts, reasons, examples}`;
        the last is also `out/overlap.json`.

    Raises:
        InputError: for a corpus, task or folder that cannot be used, when nothing is left, and for more
            documents than near copies can be told of.
    """
    read = CorpusReading(
        [str(spec) for spec in corpus], reading or ReadOptions(), drop_near_duplicates
    )
    if drop_near_duplicates:
        require_room(track(CorpusReading(read.specs, read.options)(), "doc", "counting"))
    overlap = Overlap(TextIndex([text for task in tasks for text in held_out_texts(task)]))
    with written_whole(out, overwrite) as folder:
        left = (document.text for document in documents_left(read, overlap))
        written = write_texts(folder / CORPUS_FILE, left)
        if not written["documents"]:
            raise InputError(f"{', '.join(read.specs)}: nothing is left", "give more text")
        found = redacted_values(overlap.as_dict())
        write_json(folder / OVERLAP_FILE, found)
        counts = {**written, "read": read.audit.as_dict()}
        settings = {
            "read": read.options.model_dump(mode="json"),
            "drop_near_duplicates": drop_near_duplicates,
        }
        write_manifest(folder, STAGE, settings, _inputs(read, tasks), counts)
    return {"out": str(out), "corpus": str(Path(out) / CORPUS_FILE), **counts, "overlap": found}


def documents_left(read: CorpusReading, overlap: Overlap) -> Iterator[Document]:
    """Each document that is left, with what is left of its text."""
    if not overlap.index.texts:
        return track(read(), "doc", "cleaning")
    cleaned = track(without_overlap(read, overlap), "doc", "cleaning")
    return (Document(text, document.id) for document, text in cleaned if text)


def _inputs(read: CorpusReading, tasks: Sequence[LabelledTask]) -> dict[str, dict[str, Any]]:
    inputs = {"corpus": fingerprint_corpus(read.specs, read.options)}
    for task in tasks:
        for split in HELD_OUT:
            spec = task.settings.get(split)
            if spec:
                known = describe_file(Path(spec)) if Path(spec).is_file() else {}
                inputs[f"{task.name} {split}"] = {"path": spec, **known}
    return inputs
