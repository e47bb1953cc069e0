"""Write the docs tasks and their pretraining corpus, with no evaluation passage in the corpus."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.docs_tasks.classification import LIBRARY_NAMES
from mlm_pretrain.corpus.docs_tasks.collect import SIDES, TASKS, Pools, Wanted, collect
from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.overlap import EvaluationText, Sides
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.corpus.sources.installed_docs import read_docstrings
from mlm_pretrain.errors import InputError

MAX_CLASSES = 8
Chosen = dict[tuple[str, str], list[Example]]


def write_docs_tasks(
    out: str | Path,
    *,
    seed: int = 0,
    train_examples: int = 2000,
    eval_examples: int = 400,
    corpus_bytes: int = 20_000_000,
    libraries: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write `out/{classification,tagging,answering}/{train,validation,test}.jsonl` and a corpus.

    Each document is given to one purpose by a hash of its text: half to `out/corpus.jsonl`
    (`{"text", "id"}`), the rest to the three sides of the tasks. Then no sentence of six words or
    more may lie on two sides, and a pretraining document that shares such a sentence, or thirteen
    words in a row, with a validation or test passage is dropped. Reading stops when there is
    enough of everything: a tenth of all docstrings does for a few hundred examples.

    Args:
        out: Folder, made if need be; files of the same names are replaced.
        seed: Another seed gives other documents to each purpose.
        train_examples: Training examples a task, at most.
        eval_examples: Validation examples a task, at most, and as many for test.
        corpus_bytes: UTF-8 bytes of pretraining text, at most.
        libraries: Import names to read ("stdlib" for the standard library); all by default.

    Returns:
        `{"corpus", "documents", "bytes", "tasks": {task: {side: n}}, "classes": {task side: …},
        "dropped": {reason: n}, "read": audit}`.

    Raises:
        InputError: for a library that is not installed, or when a side of a task stays empty.
    """
    audit, out = Audit(), Path(out)
    labels = [name for name in LIBRARY_NAMES if libraries is None or name in libraries]
    wanted = Wanted(
        {"train": train_examples, "validation": eval_examples, "test": eval_examples},
        corpus_bytes,
        max(1, min(MAX_CLASSES, len(labels))),
    )
    pools = collect(read_docstrings(libraries, audit), wanted, seed)
    dropped: Counter[str] = Counter()
    chosen = _choose(pools, wanted, dropped)
    _refuse_empty(chosen)
    documents = _clean_corpus(pools.documents, chosen, corpus_bytes, dropped)
    _write(out / "corpus.jsonl", ({"text": d.text, "id": d.id} for d in documents))
    for (task, side), examples in chosen.items():
        _write(out / task / f"{side}.jsonl", (example.row for example in examples))
    return _report(out, documents, chosen, dropped, audit)


def _choose(pools: Pools, wanted: Wanted, dropped: Counter[str]) -> Chosen:
    """The examples of every task and side; test chooses first, and train gives way."""
    sides = Sides()
    admitted: dict[tuple[str, str, str], list[Example]] = {}
    for side in reversed(SIDES):
        for (task, _, label), candidates in _of_side(pools, side):
            kept = admitted.setdefault((task, side, label), [])
            limit = wanted.for_class(side) if label else wanted.examples[side]
            for example in candidates:
                if len(kept) == limit:
                    break
                reason = sides.admit(task, side, example)
                dropped[reason] += bool(reason)
                if not reason:
                    kept.append(example)
    return _balance(admitted, wanted)


def _of_side(pools: Pools, side: str) -> list[tuple[tuple[str, str, str], list[Example]]]:
    return sorted(((k, v) for k, v in pools.examples.items() if k[1] == side), key=lambda i: i[0])


def _balance(admitted: dict[tuple[str, str, str], list[Example]], wanted: Wanted) -> Chosen:
    """As many passages of each library on a side, from the libraries that have the most."""

    def fullest(label: str) -> float:
        pools = ((side, admitted.get(("classification", side, label), [])) for side in SIDES)
        return min(len(pool) / wanted.for_class(side) for side, pool in pools)

    labels = sorted({label for _, _, label in admitted if label})
    best = sorted(sorted(labels, key=fullest, reverse=True)[: wanted.classes])
    chosen: Chosen = {}
    for side in SIDES:
        pools = [admitted.get(("classification", side, label), []) for label in best]
        count = min((len(pool) for pool in pools), default=0)
        # Interleaved, so that any first part of the file is balanced too.
        chosen["classification", side] = [pool[i] for i in range(count) for pool in pools]
        for task in TASKS:
            if task != "classification":
                chosen[task, side] = admitted.get((task, side, ""), [])
    return chosen


def _refuse_empty(chosen: Chosen) -> None:
    for (task, side), examples in chosen.items():
        if not examples:
            raise InputError(
                f"installed docs: no {side} example for {task}",
                f"name more libraries, for example {', '.join(LIBRARY_NAMES)}",
            )


def _clean_corpus(
    documents: list[Document], chosen: Chosen, corpus_bytes: int, dropped: Counter[str]
) -> list[Document]:
    evaluation = EvaluationText(
        example.passage
        for (_, side), examples in chosen.items()
        if side != "train"
        for example in examples
    )
    kept, size = [], 0
    for document in documents:
        document_bytes = len(document.text.encode())
        if size + document_bytes > corpus_bytes:
            continue
        reason = evaluation.reason(document.text)
        dropped[reason] += bool(reason)
        if not reason:
            kept.append(document)
            size += document_bytes
    return kept


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _report(
    out: Path, documents: list[Document], chosen: Chosen, dropped: Counter[str], audit: Audit
) -> dict[str, Any]:
    tasks: dict[str, dict[str, int]] = {task: {} for task in TASKS}
    for (task, side), examples in chosen.items():
        tasks[task][side] = len(examples)
    return {
        "corpus": str(out / "corpus.jsonl"),
        "documents": len(documents),
        "bytes": sum(len(document.text.encode()) for document in documents),
        "tasks": tasks,
        "classes": dict(Counter(example.label for example in chosen["classification", "train"])),
        "dropped": {reason: count for reason, count in sorted(dropped.items()) if reason},
        "read": audit.as_dict(),
    }
