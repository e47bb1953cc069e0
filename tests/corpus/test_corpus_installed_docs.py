"""Docstrings as a corpus: deterministic, mixed, without importing what is documented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlm_pretrain.corpus import Audit, ReadOptions, fingerprint_corpus, read_corpus
from mlm_pretrain.corpus.docstrings import docstrings_of
from mlm_pretrain.corpus.modules import Module, find_modules
from mlm_pretrain.errors import InputError

SPEC = "installed-docs:networkx,typer,rich"
READ = """
import json, sys
from mlm_pretrain.corpus import read_corpus
documents = [(d.id, d.text) for d in read_corpus([sys.argv[1]])]
assert not {"networkx", "typer", "rich"} & set(sys.modules), "a documented library was imported"
print(json.dumps(documents))
"""
SOURCE = '''"""Module text."""
class A:
    """Class   text.

        Indented.
    """
    def f(self):
        r"""Raw \\d text."""
        def inner():
            """Not documentation."""
    async def g(self): "One line."
if True:
    try:
        def h(): """In a branch."""
    except ImportError:
        def h(): """In a handler."""
x = """Not a docstring."""
'''


@pytest.fixture(scope="module")
def documents() -> list[list[str]]:
    run = [sys.executable, "-c", READ, SPEC]
    return json.loads(subprocess.run(run, capture_output=True, text=True, check=True).stdout)


def test_two_processes_read_the_same(documents: list[list[str]]) -> None:
    assert [[d.id, d.text] for d in read_corpus([SPEC])] == documents


def test_documents_are_distinct_and_long_enough(documents: list[list[str]]) -> None:
    assert len(documents) > 500
    assert all(len(text) >= 200 for _, text in documents)
    assert len({text for _, text in documents}) == len(documents)
    assert all(re.match(r"(networkx|typer|rich):\1\b", id) for id, _ in documents)


def test_a_slice_is_lazy_and_a_mixture() -> None:
    audit = Audit()
    slice_ = list(read_corpus(["installed-docs"], ReadOptions(limit_documents=300), audit))
    assert len({d.id.split(":")[0] for d in slice_}) >= 8
    assert audit.counts["modules"] < len(find_modules()) / 5


def test_modules_leave_out_tests_vendored_copies_and_this_package() -> None:
    modules = find_modules()
    folders = {part for m in modules for part in m.name.split(".")[:-1]}
    assert not folders & {"tests", "_vendor", "site-packages", "mlm_pretrain"}
    assert "stdlib" in {m.library for m in modules}
    assert len({(m.library, m.name) for m in modules}) == len(modules)


def test_help_topics_are_read() -> None:
    [topics] = [m for m in find_modules(["stdlib"]) if m.name == "pydoc_data.topics"]
    texts = dict(docstrings_of(topics, Audit()))
    assert len(texts["pydoc_data.topics.assignment"]) > 1000


def test_docstrings_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(SOURCE, encoding="utf-8")
    found = list(docstrings_of(Module("lib", "m", tmp_path / "m.py"), Audit()))
    assert found == [
        ("m", "Module text."),
        ("m.A", "Class   text.\n\nIndented."),
        ("m.A.f", "Raw \\d text."),
        ("m.A.g", "One line."),
        ("m.h", "In a branch."),
        ("m.h", "In a handler."),
    ]


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\0'\n", b"# coding: none\n", b"(" * 9999])
def test_modules_that_do_not_parse_are_counted(tmp_path: Path, source: bytes) -> None:
    (tmp_path / "m.py").write_bytes(source)
    audit = Audit()
    assert list(docstrings_of(Module("lib", "m", tmp_path / "m.py"), audit)) == []
    assert audit.counts["unparsable_modules"] == 1


def test_unknown_library_gets_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'networkx'"):
        list(read_corpus(["installed-docs:netwrkx"]))


def test_fingerprint() -> None:
    first = fingerprint_corpus([SPEC])
    assert first == fingerprint_corpus([SPEC])
    assert first["files"] > 100
    assert first["xxh3_128"] != fingerprint_corpus(["installed-docs:rich"])["xxh3_128"]
