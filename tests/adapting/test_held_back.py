"""What every model is measured by: no model is trained on it, whichever of the texts it stands in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small import settings, write_documents, write_rows

from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.tasks import task_of
from mlm_pretrain.adapting.texts import gather_texts
from mlm_pretrain.corpus.writing import read_texts

PIECE_BYTES = 2048


def gathered(folder: Path, **more: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """What is counted, and what is written by the name of its file."""
    config, places = settings(folder, "base", **more), Places(folder / "out")
    places.root.mkdir(exist_ok=True)
    counts = gather_texts(config, task_of(config), places)
    return counts, {path.stem: list(read_texts(path)) for path in places.texts.glob("*.jsonl")}


def test_neither_the_control_nor_the_task_is_trained_on_what_is_held_back(
    texts: list[str], tmp_path: Path
) -> None:
    """One file is general text and that of the control; another the domain's text and the task's."""
    texts = list(dict.fromkeys(text for text in texts if text.strip()))
    general = [write_documents(tmp_path / "general.jsonl", texts[40:])]
    domain = [write_documents(tmp_path / "domain.jsonl", texts[:40])]
    task: dict[str, Any] = {"task": "sentiment"}
    rows = [{"text": text, "label": number % 2} for number, text in enumerate(texts[:40])]
    for split, of in (("train", rows), ("validation", [{"text": "a fine day", "label": 1}] * 2)):
        task[split] = write_rows(tmp_path / f"{split}.jsonl", of)
    counts, written = gathered(tmp_path, corpus=domain, general=general, control=general, **task)
    for own, others in (("control", "general"), ("task", "domain")):
        held = written[f"{others}-validation"]
        assert held and counts[own]["held_out"] == len(held)
        assert not set(written[f"{own}-train"]) & set(held)
        assert written[f"{own}-train"] == written[f"{others}-train"]


def sides(texts: list[str], written: dict[str, list[str]]) -> tuple[list[int], list[int]]:
    """Numbers of the texts that pieces are of: of those trained on, and of those held back."""

    def numbers(pieces: list[str]) -> list[int]:
        return sorted({next(n for n, text in enumerate(texts) if p in text) for p in pieces})

    return numbers(written["domain-train"]), numbers(written["domain-validation"])


def test_the_pieces_of_a_long_document_are_on_one_side(texts: list[str], tmp_path: Path) -> None:
    long = [text for text in texts if len(text.encode()) > 2 * PIECE_BYTES]
    read = {"max_document_bytes": PIECE_BYTES}
    assert len(long) > 20
    write_documents(tmp_path / "domain.jsonl", long)
    _, written = gathered(tmp_path, read=read)
    pieces = [piece for of in written.values() for piece in of]
    assert len(pieces) > 2 * len(long)
    learnt, held = sides(long, written)
    assert held and not set(learnt) & set(held)
    assert sorted([*learnt, *held]) == list(range(len(long)))


def test_of_few_long_documents_a_whole_one_is_held_back(texts: list[str], tmp_path: Path) -> None:
    long = [text for text in texts if len(text.encode()) > 2 * PIECE_BYTES][:3]
    read = {"max_document_bytes": PIECE_BYTES}
    write_documents(tmp_path / "domain.jsonl", long)
    _, written = gathered(tmp_path, read=read)
    learnt, held = sides(long, written)
    assert (len(learnt), len(held)) == (2, 1)
    assert sum(map(len, written["domain-validation"])) > len(long[held[0]]) - PIECE_BYTES
    write_documents(tmp_path / "domain.jsonl", long[:1])
    _, written = gathered(tmp_path, read=read)
    assert len(written["domain-validation"]) == 1 < len(written["domain-train"])
