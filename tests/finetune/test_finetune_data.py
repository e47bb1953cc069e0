"""Every file format, and every fault of the data with the place it names."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tiny_problems import questions

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS, FinetuneConfig, plan
from mlm_pretrain.finetune.data import read_tagged, read_texts
from mlm_pretrain.finetune.questions import read_questions

PAIR = [{"text": "a b", "label": 0}, {"text": "c", "label": 1}]


def config_of(**settings: Any) -> FinetuneConfig:
    return FinetuneConfig(model="m", train="t", validation="v", out="o", **settings)


def test_the_same_rows_from_every_format(write, tmp_path: Path) -> None:
    plain = write("a.jsonl", PAIR)
    data = Path(plain).read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(data))
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(data))
    write("windows.jsonl", "\ufeff" + data.decode().replace("\n", "\r\n"))
    write("a.json", json.dumps(PAIR))
    write("a.csv", 'text,label\n"a b",0\n"c",1\n')
    write("a.tsv", "text\tlabel\na b\t0\nc\t1\n")
    names = ["a.jsonl.gz", "a.jsonl.zst", "windows.jsonl", "a.json", "a.csv", "a.tsv"]
    expected = [(e.text, e.label) for e in read_texts(plain, "train", config_of())]
    assert expected == [("a b", "0"), ("c", "1")]
    for name in names:
        found = read_texts(str(tmp_path / name), "train", config_of())
        assert [(e.text, e.label) for e in found] == expected, name


def test_conll_columns(write) -> None:
    text = "-DOCSTART- -X- O\n\nAnna NNP B-PER\nsleeps VBZ O\n\n\nNew\tB-LOC\nYork\tI-LOC\n"
    found = read_tagged(write("a.conll", text), "train", config_of(tokens_field="other"))
    assert [e.tokens for e in found] == [["Anna", "sleeps"], ["New", "York"]]
    assert [e.tags for e in found] == [["B-PER", "O"], ["B-LOC", "I-LOC"]]
    assert found[1].place(1).endswith("a.conll:8")


def test_official_squad_file(write) -> None:
    answer = {"text": "blue", "answer_start": 4}
    paragraph = {
        "context": "the blue cat",
        "qas": [
            {"id": "1", "question": " what? ", "answers": [answer], "is_impossible": False},
            {"id": "2", "question": "who?", "answers": [], "plausible_answers": [answer],
             "is_impossible": True},
        ],
    }  # fmt: skip
    nested = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [paragraph]}]}
    found = read_questions(write("a.json", json.dumps(nested)), "train", config_of(), Counter())
    assert [e.answers for e in found] == [[(4, "blue")], []]
    assert [e.question for e in found] == ["what?", "who?"]


def test_hub_columns_come_with_names(tmp_path: Path) -> None:
    import datasets

    labels = datasets.ClassLabel(names=["no", "yes"])
    tags = datasets.Sequence(datasets.ClassLabel(names=["O", "B-X"]))
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": labels,
         "tokens": datasets.Sequence(datasets.Value("string")), "ner_tags": tags}
    )  # fmt: skip
    rows = [{"text": "a", "label": 1, "tokens": ["a", "b"], "ner_tags": [0, 1]}]
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "train.parquet")
    spec = f"hf:{tmp_path}"
    assert [e.label for e in read_texts(spec, "train", config_of())] == ["yes"]
    assert [e.tags for e in read_tagged(spec, "train", config_of())] == [["O", "B-X"]]
    with pytest.raises(InputError, match="hf:"):
        read_texts(spec + "@test", "train", config_of())


@pytest.mark.fault("bad-row")
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jsonl", "", "a.jsonl: 0 rows"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text": \n', "a.jsonl:2: not valid JSON"),
        ("a.jsonl", '{"text": "x", "label": 1}\n[1]\n', "a.jsonl:2: expected an object"),
        ("a.jsonl", '{"text": "x"}\n', r"a.jsonl:1: no field 'label' \(it has: text\)"),
        ("a.jsonl", '{"text": 3, "label": 1}\n', "a.jsonl:1: 'text' is int"),
        ("a.jsonl", '{"text": "x", "label": 3.8}\n', "a.jsonl:1: 3.8 is not a label"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{"text": "y", "label": -1}\n',
         r"1 of 2 rows have no label[\s\S]*a.jsonl:2"),
        ("a.jsonl", '{"text": "x", "text_pair": "z", "label": 1}\n{"text": "y", "label": 1}\n',
         "a.jsonl:2: 'text_pair' is in some rows"),
        ("a.csv", "text,label\nx\n", "a.csv:2: 1 columns, but the header has 2"),
        ("a.docx", "x", "unknown format"),
        ("a.jsonl.gz", "not gzip", "a.jsonl.gz: damaged or incomplete"),
        ("a.jsonl.zst", "not zstandard", "a.jsonl.zst: damaged or incomplete"),
    ],
)  # fmt: skip
def test_faults_of_texts(write, name: str, content: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_texts(write(name, content), "train", config_of())


@pytest.mark.fault("encoding", "corrupt-archive")
def test_bytes_that_are_no_utf8_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "x", "label": 1}\n{"text": "\xff", "label": 1}\n')
    with pytest.raises(InputError, match=r"a.jsonl:2: invalid UTF-8"):
        read_texts(str(path), "train", config_of())
    truncated = tmp_path / "b.jsonl.gz"
    truncated.write_bytes(gzip.compress(path.read_bytes() * 100)[:-20])
    with pytest.raises(InputError, match=r"b.jsonl.gz: damaged or incomplete"):
        read_texts(str(truncated), "train", config_of())
    with pytest.raises(InputError, match="no such file"):
        read_texts(str(tmp_path / "none.jsonl"), "train", config_of())


@pytest.mark.fault("malformed-tags")
@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "a.jsonl",
            '{"tokens": ["a", "b"], "ner_tags": ["O"]}\n',
            "a.jsonl:1: 2 tokens but 1 tags",
        ),
        ("a.jsonl", '{"tokens": [], "ner_tags": []}\n', "a.jsonl:1: no tokens"),
        ("a.jsonl", '{"tokens": ["a"], "ner_tags": [-1]}\n', "1 of 1 rows have no label"),
        ("a.jsonl", '{"tokens": "a", "ner_tags": [1]}\n', "a.jsonl:1: expected a JSON list"),
        ("a.conll", "a O\nb\n", "a.conll:2: expected a token and a tag"),
    ],
)
def test_faults_of_sentences(write, name: str, content: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_tagged(write(name, content), "train", config_of())


@pytest.mark.fault("malformed-tags", "unseen-labels")
@pytest.mark.parametrize(
    ("split", "tags", "problem"),
    [
        ("train", "a B-PER\nb I-LOC\n", r"1 of 1 sentences have malformed[\s\S]*train.conll:2"),
        ("train", "a B-PER\nb PER\n", r"train.conll:2: 'PER' is no IOB2 tag"),
        ("validation", "x O\n\na O\nb I-PER\n", r"validation.conll:4: 'I-PER' after 'O'"),
        ("validation", "a B-ORG\nb O\nc B-ORG\n", r"B-ORG \(2 times\)[\s\S]*validation.conll:1"),
    ],
)
def test_tags_are_checked_before_training(write, bert, split, tags, problem) -> None:
    files = {"train": "a B-PER\nb I-PER\n", "validation": "a B-PER\n", split: tags}
    paths = {name: write(f"{name}.conll", text) for name, text in files.items()}
    with pytest.raises(InputError, match=problem):
        plan("ner", FinetuneConfig(model=bert, out="unused", **paths))


@pytest.mark.fault("unseen-labels")
def test_labels_that_training_never_shows(write, bert) -> None:
    validation = [*PAIR, {"text": "d", "label": 7}, {"text": "e", "label": 7}]
    paths = {"train": write("t.jsonl", PAIR), "validation": write("v.jsonl", validation)}
    expected = r"v.jsonl: labels that .*t.jsonl does not have: 7 \(2 times\)[\s\S]*v.jsonl:3: 7"
    with pytest.raises(InputError, match=expected):
        plan("sentiment", FinetuneConfig(model=bert, out="unused", **paths))


@pytest.mark.fault("bad-answers")
def test_bad_answers_are_dropped_and_counted_or_refused(write) -> None:
    rows = questions(20, seed=3)
    rows[4]["answers"]["answer_start"][0] += 1
    rows[9]["answers"] = {"text": ["nowhere"], "answer_start": [0]}
    path = write("qa.jsonl", rows)
    with pytest.raises(InputError, match=r"2 of 20 rows[\s\S]*qa.jsonl:5[\s\S]*qa.jsonl:10"):
        read_questions(path, "train", config_of(), Counter())
    counts: Counter[str] = Counter()
    found = read_questions(path, "train", config_of(max_bad_answers=0.1), counts)
    assert len(found) == 18
    assert counts["train_dropped_bad_answer"] == counts["train_rows_with_bad_answers"] == 2


def test_ids_must_differ(write) -> None:
    rows = questions(2, seed=3)
    rows[1]["id"] = rows[0]["id"]
    with pytest.raises(InputError, match=r"qa.jsonl:2: id '3-0' is also at .*qa.jsonl:1"):
        read_questions(write("qa.jsonl", rows), "train", config_of(), Counter())


def test_unanswerable_validation_needs_unanswerable_training(write, bert) -> None:
    paths = {
        "train": write("t.jsonl", questions(20, 0)),
        "validation": write("v.jsonl", questions(6, 1, silent=True)),
    }
    with pytest.raises(InputError, match="2 of 6 questions have no answer"):
        plan("qa", FinetuneConfig(model=bert, out="unused", **paths))


@pytest.mark.parametrize(
    ("task", "folder", "labels", "settings"),
    [
        ("sentiment", "sst2", 2, {}),
        ("sentiment", "trec", 6, {}),
        ("sentiment", "glue_mrpc", 2, {}),
        ("ner", "wnut17", 13, {}),
        ("ner", "bc5cdr", 5, {}),
        ("ner", "ud_german_gsd", 17, {"tags_field": "upos"}),
        ("qa", "squad_v1_dev", 2, {}),
    ],
)
def test_public_data_sets_pass_every_check(
    test_data: Path, task: str, folder: str, labels: int, settings: dict[str, Any]
) -> None:
    reader = TASKS[task](config_of(**settings))
    files = [test_data / folder / f"{name}.jsonl.gz" for name in ("train", "validation", "test")]
    train, held_out = [path for path in files if path.exists()][:2]
    reader.learn(reader.read(str(train), "train"))
    reader.check(reader.read(str(held_out), "validation"), str(held_out))
    assert len(reader.labels) == labels
    assert not any(reader.counts.values())
