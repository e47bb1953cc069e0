"""Labels and tags in the forms files have them: numbers as text, letters without a type, nothing."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import Any

import pytest
from tiny_problems import mentions, questions

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, plan
from mlm_pretrain.finetune.data import read_tagged, read_texts
from mlm_pretrain.finetune.questions import read_questions
from mlm_pretrain.finetune.tagging import Tagging

HALF = "\ud83d"  # of an emoji


def config_of(**settings: Any) -> FinetuneConfig:
    return FinetuneConfig(**{"model": "m", "train": "t", "validation": "v", "out": "o", **settings})


def tagging_of(path: str, **settings: Any) -> tuple[Tagging, list[list[str]]]:
    task = Tagging(config_of(train=path, **settings))
    examples = task.read(path, "train")
    task.learn(examples)
    return task, [example.tags for example in examples]


def test_numbers_written_as_text_get_their_names(write: Any) -> None:
    config = config_of(label_names=["O", "B-X", "I-X"])
    conll = read_tagged(write("a.conll", "a 0\nb 1\nc 2\n"), "train", config)
    json_ = read_tagged(
        write("a.jsonl", [{"tokens": list("abc"), "ner_tags": [0, 1, 2]}]), "train", config
    )
    assert conll[0].tags == json_[0].tags == ["O", "B-X", "I-X"]
    texts = read_texts(write("a.csv", "text,label\nx,2\ny,O\n"), "train", config)
    assert [example.label for example in texts] == ["I-X", "O"]
    with pytest.raises(InputError, match=r"a.conll:1: label 3, but label_names has 3"):
        read_tagged(write("a.conll", "a 3\n"), "train", config)
    stars = config_of(label_names=["1", "2", "3"])  # names that are numbers themselves
    texts = read_texts(write("b.csv", "text,label\nx,3\ny,1\n"), "train", stars)
    assert [example.label for example in texts] == ["3", "1"]


def test_a_file_with_one_tag_alone_teaches_nothing(write: Any) -> None:
    """As of a column that is not the tags'."""
    with pytest.raises(InputError, match=r"a.conll: every tag is 'O'\n.*set tags_field"):
        tagging_of(write("a.conll", "a O\nb O\n\nc O\n"))


def test_tags_that_are_numbers_without_names_are_refused(write: Any) -> None:
    path = write("a.conll", "a 0\nb 1\nc 2\nd 10\n")
    with pytest.raises(InputError, match=r"the tags are numbers \(0, 1, 2, 10\)[\s\S]*label_names"):
        tagging_of(path)
    assert tagging_of(path, tag_scheme="plain")[0].labels == ["0", "1", "2", "10"]
    assert tagging_of(path, label_names=list("OABCDEFGHIJ"))[0].scheme == "plain"


def test_letters_without_a_type_are_spans_of_one(write: Any, bert: str, tmp_path: Any) -> None:
    path = write("a.conll", "a B\nb I\nc O\n\nd B\n")
    task, tags = tagging_of(path)
    assert tags == [["B-SPAN", "I-SPAN", "O"], ["B-SPAN"]]
    assert (task.scheme, task.labels) == ("iob2", ["O", "B-SPAN", "I-SPAN"])
    assert task.counts["tags_without_type"] == 3
    task, tags = tagging_of(path, tag_scheme="plain")
    assert tags[0] == ["B", "I", "O"] and not task.counts["tags_without_type"]
    bilou, _ = tagging_of(write("b.conll", "a B\nb L\nc O\nd U\n"))
    assert bilou.scheme == "bilou"
    # The training file says what the letters mean: here they are parts of speech.
    plain, _ = tagging_of(write("c.conll", "a S\nb X\n"))
    assert plain.read(write("d.conll", "a S\n"), "validation")[0].tags == ["S"]
    rows = [{**row, "ner_tags": [t[0] for t in row["ner_tags"]]} for row in mentions(30, 0)]
    paths = {name: write(f"{name}.jsonl", rows) for name in ("train", "validation")}
    result = finetune("ner", config_of(model=bert, out=str(tmp_path / "out"), steps=1, **paths))
    assert set(result["metrics"]["validation"]["per_type"]) == {"SPAN"}
    assert result["counts"]["tags_without_type"] == 2 * 30 * 3


def test_a_pair_field_that_is_asked_for_must_be_there(write: Any, bert: str) -> None:
    rows = [{"text": "a", "hypothesis": "b", "label": n} for n in (0, 1)]
    path = write("a.jsonl", rows)
    with pytest.raises(
        InputError, match=r"a.jsonl:1: no field 'hypotesis' .*text, hypothesis, label"
    ):
        read_texts(path, "train", config_of(text_pair_field="hypotesis"))
    found = read_texts(path, "train", config_of(text_pair_field="hypothesis"))
    assert [example.text_pair for example in found] == ["b", "b"]
    assert read_texts(path, "train", config_of())[0].text_pair is None


@pytest.mark.fault("unseen-labels")
def test_an_empty_label_is_a_missing_one(write: Any) -> None:
    expected = r"1 of 2 rows have no label[\s\S]*:3: an empty label"
    with pytest.raises(InputError, match=expected):
        read_texts(write("a.csv", "text,label\nx,good\ny,\n"), "train", config_of())
    with pytest.raises(InputError, match="1 of 1 rows have no label"):
        read_texts(write("a.jsonl", [{"text": "x", "label": " "}]), "train", config_of())
    with pytest.raises(InputError, match="1 of 1 rows have no label"):
        rows = [{"tokens": ["a", "b"], "ner_tags": ["O", ""]}]
        read_tagged(write("b.jsonl", rows), "train", config_of())


@pytest.mark.parametrize(
    ("word", "impossible"),
    [("False", False), ("0", False), ("", False), ("True", True), ("1", True), (False, False),
     (None, False), (1, True)],
)  # fmt: skip
def test_is_impossible_as_text(word: Any, impossible: bool, write: Any) -> None:
    row = {**questions(1, 0)[0], "is_impossible": word}
    [found] = read_questions(write("a.jsonl", [row]), "train", config_of(), Counter())
    assert bool(found.answers) != impossible
    with pytest.raises(InputError, match=r"a.jsonl:1: 'is_impossible' is 'perhaps'"):
        rows = [{**row, "is_impossible": "perhaps"}]
        read_questions(write("a.jsonl", rows), "train", config_of(), Counter())


def test_quotes_are_text_in_tsv_and_enclose_in_csv(write: Any) -> None:
    tsv = 'text\tlabel\n"so she said\t1\nthe "best"\t0\n'
    found = read_texts(write("a.tsv", tsv), "train", config_of())
    assert [example.text for example in found] == ['"so she said', 'the "best"']
    found = read_texts(write("a.csv", 'text,label\n"a, ""b""",1\nx,0\n'), "train", config_of())
    assert found[0].text == 'a, "b"'
    csv.field_size_limit(131_072)  # the library's own, which other code may have set
    long = "word " * 60_000
    for name, tab in (("b.csv", ","), ("b.tsv", "\t")):
        path = write(name, f"text{tab}label\n{long}{tab}1\n")
        assert read_texts(path, "train", config_of())[0].text == long


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_headers_that_hide_a_column_are_refused(name: str, write: Any) -> None:
    tab = "," if name.endswith("csv") else "\t"
    with pytest.raises(InputError, match=rf"{name}:1: more than one column is named 'text'"):
        read_texts(write(name, f"text{tab}text{tab}label\na{tab}b{tab}1\n"), "train", config_of())
    # The index that pandas writes has no name and hides nothing.
    path = write(name, f"{tab}text{tab}label\n0{tab}a{tab}1\n")
    assert read_texts(path, "train", config_of())[0].text == "a"
    with pytest.raises(InputError, match=rf"{name}: 0 rows"):
        read_texts(write(name, ""), "train", config_of())


@pytest.mark.parametrize(
    ("task", "field"),
    [("sentiment", "text"), ("sentiment", "text_pair"), ("sentiment", "label"), ("ner", "tokens"),
     ("ner", "ner_tags"), ("qa", "question"), ("qa", "context"), ("qa", "id")],
)  # fmt: skip
def test_half_a_character_is_named_with_its_line(
    task: str, field: str, write: Any, bert: str
) -> None:
    rows: list[dict[str, Any]] = {
        "sentiment": [{"text": "a", "text_pair": "b", "label": str(n)} for n in (0, 1)],
        "ner": [{"tokens": ["a"], "ner_tags": ["B-X"]} for _ in range(2)],
        "qa": questions(2, 0),
    }[task]
    value = rows[1][field]
    rows[1][field] = [HALF] if isinstance(value, list) else value + " " + HALF
    path = write("a.jsonl", "\n".join(json.dumps(row) for row in rows))
    config = config_of(model=bert, train=path, validation=path)
    with pytest.raises(InputError, match=r"a.jsonl:2: '\w+' has half a character \(\\ud83d\)"):
        plan(task, config)
