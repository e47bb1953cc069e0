"""Broken inputs give documents or an error that one can read; and what would give else is noticed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bad_readers
import package_process
import pytest

from benchmarks import broken_readers
from benchmarks.bounded import Bounds, Job, run_all
from benchmarks.broken_readers import KINDS, read_case, write_case
from mlm_pretrain.corpus import Document
from mlm_pretrain.errors import InputError


@pytest.mark.fault("encoding", "corrupt-archive", "bad-row", "malformed-tags", "bad-answers")
def test_three_of_each_kind_are_read_or_refused(tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    done = package_process.run(["-m", "benchmarks.broken_inputs", "--quick", "--out", str(out)])
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert results["failures"] == []
    assert results["inputs"] == 3 * len(KINDS) == sum(results["outcomes"].values())
    assert results["kinds"].keys() == KINDS.keys()
    assert results["outcomes"]["documents"] > 30 and results["outcomes"]["error"] > 150
    assert all(results["kinds"][kind] == {"documents": 3} for kind in KINDS if "sound" in kind)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_what_may_not_happen_is_noticed() -> None:
    job = Job(bad_readers.numbered, bad_readers.work)
    found = run_all(job, range(len(bad_readers.READERS)), Bounds(seconds=0.4, megabytes=64), 2)
    names = {r.number: bad_readers.READERS[r.number].__name__ for r in found}
    failures = {names[r.number]: r.failure for r in found if r.failure}
    assert failures.pop("hang") == "took more than 0.4 s"
    raised = failures.pop("fail")
    assert raised.startswith("KeyError: 'tokens'\n") and "bad_readers.py" in raised
    assert failures.pop("fill_the_memory").startswith("MemoryError")
    assert failures.pop("take_a_little_too_much") == "took 96 MB of memory"
    assert failures.pop("hang_where_no_signal_arrives") == "no answer within 2.4 s"
    assert failures.pop("end") == "its process ended with code 3"
    assert not failures and [r.outcome for r in found].count("documents") == 3
    assert all((r.outcome == "failure") == bool(r.failure) for r in found)


@pytest.mark.parametrize(
    ("kind", "given", "fault"),
    [
        ("csv", ["a\0b"], "a NUL or CR"),
        ("csv", [" "], "a document without text"),
        ("csv", ["x" * (2 << 20)], "too long"),
        ("csv", ["a", "b"], "documents and their ids"),
        ("csv", [], "documents and their ids"),
        ("csv", InputError("something is wrong"), "something is wrong"),
        ("csv", InputError("{path}: " + "x" * 5000), "5002 characters"),
        ("csv", InputError("{path}: \x1b[2J"), "x1b"),
        ("sound", InputError("{path}: no"), "refused without reason"),
    ],
)
def test_a_broken_promise_is_noticed(
    kind: str, given: Any, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_case(str(tmp_path), 0, list(KINDS).index(f"corpus: {kind}"))
    path = str(written.folder / written.case.first)

    def read_corpus(*_: object) -> Iterator[Document]:
        if isinstance(given, InputError):
            raise InputError(given.problem.replace("{path}", path))
        yield from (Document(text, "id") for text in given)

    monkeypatch.setattr(broken_readers, "read_corpus", read_corpus)
    with pytest.raises(AssertionError, match=fault):
        read_case(written)


def test_a_seed_and_a_number_make_an_input_again(tmp_path: Path) -> None:
    for number, kind in enumerate(KINDS):
        cases = [write_case(str(tmp_path), 3, number) for _ in range(2)]
        assert cases[0] == cases[1] and cases[0].kind == kind
        assert write_case(str(tmp_path), 4, number) != cases[0] or "spec" in kind
