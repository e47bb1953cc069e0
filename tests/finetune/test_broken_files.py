"""Labelled files that are broken as files are: the place is named, and nothing is read by guessing."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zstandard
from test_finetune_data import config_of
from tiny_problems import questions

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import lines
from mlm_pretrain.finetune.data import check_known, read_tagged, read_texts
from mlm_pretrain.finetune.questions import read_questions
from mlm_pretrain.finetune.sources import read_rows
from mlm_pretrain.finetune.task import in_order

ROW = '{"text": "a", "label": 1}'


@pytest.mark.fault("line-endings")
def test_all_three_line_ends_end_a_line(tmp_path: Path) -> None:
    files = {
        "a.jsonl": f"{ROW}\r\n{ROW}\r{ROW}\n\r\n\r{ROW}",
        "a.csv": 'text,label\r\na,1\r"a\rb",1\na,1\r\n\r\na,1\r',
        "a.conll": "a O\rb O\r\n\r\nc O\n\rd O",
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode())
    found = {name: read_rows(str(tmp_path / name), "train") for name in files}
    places = {name: [row.where.rpartition(":")[2] for row in rows] for name, rows in found.items()}
    assert places == {"a.jsonl": ["1", "2", "3", "6"], "a.csv": ["2", "3", "5", "7"],
                      "a.conll": ["1", "4", "6"]}  # fmt: skip
    assert found["a.csv"][1].values["text"] == "a\nb"
    assert found["a.conll"][0].lines == (1, 2)


@pytest.mark.fault("archive-bombs")
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_bomb_is_refused_with_the_limit(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    compress = gzip.compress if suffix == ".gz" else zstandard.compress
    path.write_bytes(compress(b" " * (70 << 20)))
    expected = rf"a.jsonl{suffix}: expands to more than 200 times its size\n.*unpack it"
    with pytest.raises(InputError, match=expected):
        read_texts(str(path), "train", config_of())


@pytest.mark.fault("archive-bombs")
@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.jsonl.tar"])
def test_other_archives_are_not_opened(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / name, "w") as archive:
        archive.addfile(tarfile.TarInfo("../../a.jsonl"))
    with pytest.raises(InputError, match=rf"{name}: unknown format\n.*tar -xf {name}"):
        read_texts(str(tmp_path / name), "train", config_of())


def test_a_file_too_large_for_memory_is_refused(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LARGEST_BYTES", 1 << 20)
    path = write("a.conll", "a O\n\n" * 20_000)
    with pytest.raises(InputError, match=r"a.conll: its lines take more than .* GiB of memory"):
        read_tagged(path, "train", config_of())


@pytest.mark.fault("encoding")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (ROW.encode() + b"\n" + ROW.encode("utf-16-le"), "a.jsonl:2: holds a NUL character"),
        (ROW.encode("utf-16"), "a.jsonl: is UTF-16[^→]*→ convert it: iconv -f UTF-16"),
        (ROW.replace("a", "caf\xe9").encode("latin-1"), r"a.jsonl:1: invalid UTF-8 \(byte 0xe9\)"),
        (ROW.replace('"a"', r'"a\u0000"').encode(), "a.jsonl:1: 'text' has a NUL character"),
        (b"\xef\xbb\xbf" + ROW.encode(), ""),
    ],
)
def test_text_that_is_no_utf_8(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    if not problem:
        assert [example.text for example in read_texts(str(path), "train", config_of())] == ["a"]
        return
    with pytest.raises(InputError, match=problem) as caught:
        read_texts(str(path), "train", config_of())
    assert "set errors" not in str(caught.value)  # which fine-tuning has not


@pytest.mark.fault("bad-row")
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jsonl", f"{ROW}\n{'[' * 100_000}", "a.jsonl:2: not usable JSON"),
        ("a.jsonl", f'{ROW}\n{{"text": {"9" * 5000}}}', "a.jsonl:2: not usable JSON"),
        ("a.json", f"[{ROW},\n{ROW}\n{ROW}]", "a.json:3: not valid JSON"),
        ("a.json", f"{ROW}\n{ROW}", "a.json:2: not valid JSON[^→]*→ an object a line is called .jsonl"),
        ("a.csv", 'text,label\na,1\n"b,1\nc,1\n', "a.csv:3: not valid CSV[^→]*→ close the quote"),
        ("a.csv", 'text,label\n"a\nb",1\nc,d,1\n', "a.csv:4: 3 columns, but the header has 2"),
        ("a.tsv", "text\tlabel\na\tb\t1\n", "a.tsv:2: 3 columns[^→]*→ take tabs out"),
        ("a.jsonl", f'{ROW}\n{{"text": "a", "label": {"[" * 900}{"]" * 900}}}', r"a.jsonl:2: \["),
        ("a.jsonl", json.dumps({f"k{n}" * 99: n for n in range(99)}), "no field 'text' .it has: k0k0"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named(name: str, content: str, problem: str, write: Any) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        read_texts(write(name, content), "train", config_of())
    assert len(str(caught.value)) < 1500


@pytest.mark.fault("bad-answers")
@pytest.mark.parametrize(
    ("start", "text"),
    [(float("inf"), "a"), (float("nan"), "a"), (8.5, "a"), (True, "a"), (None, "a"), (0, None), (0, 3)],
)  # fmt: skip
def test_places_and_texts_of_answers_are_what_they_should_be(
    start: Any, text: Any, write: Any
) -> None:
    pair = {"text": [text], "answer_start": [start]}
    for answers in (pair, [{"text": text, "answer_start": start}], {**pair, "text": "ab"}):
        path = write("a.jsonl", [{**questions(1, 0)[0], "answers": answers}])
        with pytest.raises(
            InputError, match=r"a.jsonl:1: 'answers' needs 'text' and 'answer_start'"
        ):
            read_questions(path, "train", config_of(), Counter())


def test_other_fields_of_questions(write: Any) -> None:
    rows = [{**row, "id": None, "is_impossible": float("nan")} for row in questions(2, 0)]
    found = read_questions(write("a.jsonl", rows), "train", config_of(), Counter())
    assert [example.id for example in found] == ["0", "1"] and all(e.answers for e in found)
    for change, problem in [
        ({"id": [1]}, "'id' is list"),
        ({"is_impossible": []}, "'is_impossible'"),
    ]:
        with pytest.raises(InputError, match=f"a.jsonl:2: {problem}"):
            rows = [questions(1, 0)[0], {**questions(1, 1)[0], **change}]
            read_questions(write("a.jsonl", rows), "train", config_of(), Counter())
    article = {"data": [{"paragraphs": [{"context": "a", "qas": None}]}]}
    with pytest.raises(InputError, match="article 1, paragraph 1: 'qas' is NoneType, not a list"):
        read_questions(write("a.json", json.dumps(article)), "train", config_of(), Counter())


@pytest.mark.fault("bad-answers")
def test_a_file_of_bad_answers_alone_is_refused_whatever_the_share(write: Any) -> None:
    rows = [
        {**row, "answers": {"text": ["nowhere"], "answer_start": [0]}} for row in questions(4, 0)
    ]
    with pytest.raises(InputError, match=r"qa.jsonl: no question is left[\s\S]*qa.jsonl:1"):
        config = config_of(max_bad_answers=1.0)
        read_questions(write("qa.jsonl", rows), "validation", config, Counter())


@pytest.mark.fault("unseen-labels")
def test_labels_that_only_look_like_numbers(write: Any) -> None:
    assert in_order({"²", "1"}, None) == ["1", "²"]
    assert in_order({"9" * 5_000, "10", "9"}, None) == ["10", "9", "9" * 5_000]
    path = write("a.csv", f"text,label\na,{'9' * 5_000}\nb,²\n")
    config = config_of(label_names=["x"])
    found = read_texts(path, "train", config)
    with pytest.raises(InputError, match=r"labels that train.csv does not have: 9+…") as caught:
        check_known(["x"], [(e.label, e.where) for e in found], path, "train.csv")
    assert len(str(caught.value)) < 1000
