"""The docs tasks: exact labels, sides that share nothing, a corpus without evaluation text."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from mlm_pretrain.corpus.docs_tasks import write_docs_tasks
from mlm_pretrain.corpus.docs_tasks.classification import LIBRARY_NAMES
from mlm_pretrain.corpus.docs_tasks.examples import Example
from mlm_pretrain.corpus.docs_tasks.numpydoc import parameter_entries
from mlm_pretrain.corpus.docs_tasks.overlap import EvaluationText, Sides
from mlm_pretrain.corpus.docs_tasks.sentences import flatten, normal_words, sentences
from mlm_pretrain.errors import InputError

LIBRARIES = ["networkx", "numpy", "scipy", "sklearn"]
SIDES = ("train", "validation", "test")
SETTINGS: dict[str, Any] = {
    "seed": 3, "train_examples": 80, "eval_examples": 24, "corpus_bytes": 300_000,
    "libraries": LIBRARIES,
}  # fmt: skip
Rows = list[dict[str, Any]]


def rows_of(path: Path) -> Rows:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("docs")
    return out, write_docs_tasks(out, **SETTINGS)


def sides(written: tuple[Path, dict[str, Any]], task: str) -> dict[str, Rows]:
    return {side: rows_of(written[0] / task / f"{side}.jsonl") for side in SIDES}


def test_report_counts_what_was_written(written: tuple[Path, dict[str, Any]]) -> None:
    out, report = written
    corpus = rows_of(out / "corpus.jsonl")
    assert report["documents"] == len(corpus)
    assert report["bytes"] == sum(len(row["text"].encode()) for row in corpus)
    assert 0.9 * SETTINGS["corpus_bytes"] < report["bytes"] <= SETTINGS["corpus_bytes"]
    for task, counts in report["tasks"].items():
        assert counts == {side: len(rows) for side, rows in sides(written, task).items()}
        assert counts == {"train": 80, "validation": 24, "test": 24}
    assert report["dropped"]["sentence_on_other_side"] > 0


def test_classes_are_balanced_and_never_named(written: tuple[Path, dict[str, Any]]) -> None:
    for rows in sides(written, "classification").values():
        counts = Counter(row["label"] for row in rows)
        assert set(counts) == set(LIBRARIES)
        assert len(set(counts.values())) == 1
        for row in rows:
            assert 30 <= len(row["text"].split()) <= 80
            for name in LIBRARY_NAMES[row["label"]]:
                assert not re.search(rf"\b{name}\b", row["text"].lower())


def test_tags_are_valid(written: tuple[Path, dict[str, Any]]) -> None:
    kinds: Counter[str] = Counter()
    for rows in sides(written, "tagging").values():
        for row in rows:
            assert len(row["tokens"]) == len(row["ner_tags"])
            for before, tag in zip(["O", *row["ner_tags"]], row["ner_tags"], strict=False):
                if tag.startswith("I-"):
                    assert before[2:] == tag[2:]
                kinds[tag] += 1
            assert row["ner_tags"][-1] == "O"
    assert set(kinds) >= {"B-PARAM", "B-TYPE", "I-TYPE", "B-DEFAULT", "O"}


def test_answers_are_exact(written: tuple[Path, dict[str, Any]]) -> None:
    starts = set()
    for rows in sides(written, "answering").values():
        assert len({row["id"] for row in rows}) == len(rows)
        for row in rows:
            [answer], [start] = row["answers"]["text"], row["answers"]["answer_start"]
            assert row["context"][start : start + len(answer)] == answer
            assert len(row["context"].split()) <= 120
            name = row["question"].split()[4]
            assert re.search(rf"(^|\s){re.escape(name)} ?:", row["context"][:start])
            starts.add(start)
    assert len(starts) > 20


def passage(row: dict[str, Any]) -> str:
    return row.get("text") or row.get("context") or " ".join(row["tokens"])


@pytest.mark.parametrize("task", ["classification", "tagging", "answering"])
def test_no_sentence_lies_on_two_sides(written: tuple[Path, dict[str, Any]], task: str) -> None:
    found = {}
    for side, rows in sides(written, task).items():
        texts = (_description(row) for row in rows)
        all_words = (tuple(normal_words(s)) for text in texts for s in sentences(text))
        found[side] = {words for words in all_words if len(words) >= 6}
        assert len(found[side]) >= len(rows) // 2
    for one, other in combinations(SIDES, 2):
        assert not found[one] & found[other]


def _description(row: dict[str, Any]) -> str:
    """A tagging row's sentence follows its header, whose last tag is the last that is not O."""
    if "tokens" not in row:
        return passage(row)
    last = max(i for i, tag in enumerate(row["ner_tags"]) if tag != "O")
    rest = row["tokens"][last + 1 :]
    return " ".join(rest[1:] if rest[0] == ")" else rest)


def test_no_evaluation_passage_lies_in_the_corpus(written: tuple[Path, dict[str, Any]]) -> None:
    texts = (row["text"] for row in rows_of(written[0] / "corpus.jsonl"))
    corpus = "\n".join(" ".join(normal_words(text)) for text in texts)
    checked = 0
    for task in ("classification", "answering", "tagging"):
        for side in ("validation", "test"):
            for row in sides(written, task)[side]:
                text = row["answers"]["text"][0] if "answers" in row else _description(row)
                words = normal_words(text)
                runs = [words[i : i + 13] for i in range(len(words) - 12)]
                checked += len(runs)
                assert not any(f" {' '.join(run)} " in corpus for run in runs)
    assert checked > 500


def test_the_same_seed_writes_the_same_files(
    written: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    write_docs_tasks(tmp_path / "again", **SETTINGS)
    names = [p.relative_to(written[0]) for p in sorted(written[0].rglob("*.jsonl"))]
    assert len(names) == 10
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (written[0] / name).read_bytes()


def test_libraries_without_parameters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \w+ example for"):
        write_docs_tasks(tmp_path, **{**SETTINGS, "libraries": ["typer"]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("header", "names", "type_", "default"),
    [
        ("alpha : float, default=1.0", ["alpha"], "float", "1.0"),
        ("x, y : array_like", ["x", "y"], "array_like", None),
        ("**kwargs : dict, optional", ["**kwargs"], "dict", None),
        ("a : {'l1', 'l2'}, default='l2'", ["a"], "{'l1', 'l2'}", "'l2'"),
        ("n : int or None, optional (default=None)", ["n"], "int or None", "None"),
        (
            "s: array-like of shape (n, m), default: None",
            ["s"],
            "array-like of shape (n, m)",
            "None",
        ),
        ("tol : float, optional, default is 1e-4", ["tol"], "float", "1e-4"),
        ("q : tuple (a, b), default=(25.0, 75.0)", ["q"], "tuple (a, b)", "(25.0, 75.0)"),
    ],
)
def test_headers(header: str, names: list[str], type_: str, default: str | None) -> None:
    docstring = (
        f"F.\n\nParameters\n----------\n{header}\n    What it is. More.\n\nReturns\n-------\nx"
    )
    [entry] = parameter_entries(docstring)
    assert [entry.header[slice(*span)] for span in entry.names] == names
    assert entry.header[slice(*entry.type)] == type_
    assert (entry.header[slice(*entry.default)] if entry.default else None) == default
    assert entry.first_sentence == "What it is."


def test_sections_without_usable_entries() -> None:
    assert parameter_entries("Parameters\nalpha : float\n") == []
    assert parameter_entries("Parameters\n----------\nx : int\n    Has a \x08 within.\n") == []
    assert parameter_entries("Parameters\n----------\nalpha\n    No type.\nb : int\n") == []


def test_sentences() -> None:
    text = flatten("See e.g. Smith.  It is 1.5 long,\ni.e. short. `x` follows! And")
    expected = ["See e.g. Smith.", "It is 1.5 long, i.e. short.", "`x` follows!", "And"]
    assert sentences(text) == expected


def test_sides_keep_copies_apart() -> None:
    admitted = Sides()
    shared = "The tolerance for the optimization is this."
    first = Example({"id": 1}, f"Some words. {shared}")
    assert admitted.admit("a", "test", first) == ""
    assert admitted.admit("a", "test", first) == "repeated_passage"
    other = Example({"id": 2}, "Other. The *tolerance* for\nthe optimization is this")
    assert admitted.admit("b", "train", other) == "sentence_on_other_side"
    assert admitted.admit("b", "test", other) == ""


def test_evaluation_text_is_recognised() -> None:
    words = [f"w{i}" for i in range(30)]
    check = EvaluationText([" ".join(words), "A short sentence of exactly seven words."])
    assert check.reason("Before. A short sentence of exactly seven words. After.")
    assert check.reason(f"x {' '.join(words[5:18])} y") == "holds_evaluation_run"
    assert check.reason(f"x {' '.join(words[5:17])} y") == ""
