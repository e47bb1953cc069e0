"""Summaries: their fields, their scores, and the pairs that installed documentation gives."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import transformers
from rouge_score.rouge_scorer import RougeScorer
from typer.testing import CliRunner
from written_problems import documents, save_writer

from mlm_pretrain.cli import app
from mlm_pretrain.corpus.docs_tasks.collect import side_of
from mlm_pretrain.corpus.docs_tasks.sentences import normal_words, sentence_keys
from mlm_pretrain.corpus.docs_tasks.summaries import WANTED, docstring_summaries, examples
from mlm_pretrain.corpus.document import Document
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, plan
from mlm_pretrain.finetune.pairs import read_documents
from mlm_pretrain.finetune.sources import read_rows
from mlm_pretrain.finetune.summarization import lined
from mlm_pretrain.manifest import read_manifest

LIBRARY = "networkx"
SPEC = f"installed-docs:{LIBRARY}"


def config_of(**settings: Any) -> FinetuneConfig:
    return FinetuneConfig(model="m", train="t", validation="v", out="o", **settings)


def config_in(folder: Path, model: str, **settings: Any) -> FinetuneConfig:
    paths = {}
    for seed, (split, count) in enumerate({"train": 640, "validation": 20, "test": 40}.items()):
        paths[split] = str(folder / f"{split}.jsonl")
        Path(paths[split]).write_text(
            "".join(json.dumps(row) + "\n" for row in documents(count, seed))
        )
    given = {"out": str(folder / "out"), **paths, "learning_rate": 3e-3, "max_new_tokens": 12}
    return FinetuneConfig(model=model, **{**given, **settings})


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_summaries_are_learnt_and_scored(kind: str, tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", kind)
    still = config_in(tmp_path, model, steps=1, learning_rate=1e-9)
    assert finetune("summarization", still)["metrics"]["test"]["rouge1"] < 0.3
    config = config_in(tmp_path, model, epochs=4)
    result = finetune("summarization", config, overwrite=True)
    scores = result["metrics"]["test"]
    assert scores["rouge1"] > 0.9 and result["best_by"] == "rouge2"
    rows = [json.loads(line) for line in (tmp_path / "out/predictions_test.jsonl").open()]
    assert [set(row) for row in rows] == [{"text", "summary", "prediction", "tokens"}] * 40
    scorer = RougeScorer(["rouge2", "rougeL"], use_stemmer=True)
    for name in ("rouge2", "rougeL"):
        each = [scorer.score(r["summary"], r["prediction"])[name].fmeasure for r in rows]
        assert scores[name] == pytest.approx(sum(each) / len(each))
    network = transformers.AutoModelForSeq2SeqLM.from_pretrained(config.out).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.out)
    for row in rows:
        ids = tokenizer(row["text"], return_tensors="pt")["input_ids"]
        assert (
            tokenizer.decode(network.generate(ids)[0], skip_special_tokens=True)
            == row["prediction"]
        )


def test_a_limit_too_low_is_seen_in_the_scores(tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "bart")
    config = config_in(tmp_path, model, steps=1, max_new_tokens=2, no_repeat_ngram_size=2)
    scores = finetune("summarization", config)["metrics"]["test"]
    assert scores["unfinished"] == 1.0
    saved = json.loads((tmp_path / "out/generation_config.json").read_text())
    assert (saved["max_new_tokens"], saved["no_repeat_ngram_size"]) == (2, 2)


def test_no_run_of_tokens_is_written_twice_when_that_is_asked_for(tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "t5")
    repeats = {}
    for size in (0, 2):
        config = config_in(tmp_path, model, steps=5, max_new_tokens=30, no_repeat_ngram_size=size)
        finetune("summarization", config, overwrite=True)
        rows = [json.loads(line) for line in (tmp_path / "out/predictions_test.jsonl").open()]
        tokenizer = transformers.AutoTokenizer.from_pretrained(config.out)
        written = [tokenizer(row["prediction"])["input_ids"] for row in rows]
        pairs = [list(pairwise(ids)) for ids in written]
        repeats[size] = sum(len(each) - len(set(each)) for each in pairs)
    assert repeats[0] > 0 == repeats[2]


def test_the_usual_names_are_known(write: Any) -> None:
    for number, (text, summary) in enumerate(
        [
            ("text", "summary"),
            ("document", "summary"),
            ("article", "highlights"),
            ("dialogue", "target"),
        ]
    ):
        rows = [{"id": "1", text: "long text", summary: "short"}]
        found = read_documents(write(f"{number}.jsonl", rows), "train", config_of())
        assert [(pair.source, pair.target) for pair in found] == [("long text", "short")]
    csv = write("a.csv", "body,gist\nlong text,short\n")
    found = read_documents(csv, "train", config_of(text_field="body", summary_field="gist"))
    assert (found[0].source, found[0].target) == ("long text", "short")
    both = write("b.jsonl", [{"text": "a", "article": "b", "summary": "c"}])
    assert read_documents(both, "train", config_of())[0].source == "a"


@pytest.mark.fault("bad-row")
@pytest.mark.parametrize(
    ("row", "settings", "problem"),
    [
        ({"body": "x", "summary": "y"}, {},
         r"a.jsonl:2: no field 'text' \(it has: body, summary\)[\s\S]*text_field \(or call it document"),
        ({"text": "x"}, {}, r"a.jsonl:2: no field 'summary'[\s\S]*summary_field \(or call it highlights"),
        ({"document": "x", "article": "y", "summary": "z"}, {},
         r"a.jsonl:2: which is meant, document or article\?[\s\S]*text_field"),
        ({"text": "x", "highlights": "y", "target": "z"}, {}, "which is meant, highlights or target"),
        ({"text": "x", "summary": "y"}, {"summary_field": "gist"}, "a.jsonl:2: no field 'gist'"),
        ({"text": "x", "summary": "\n"}, {}, r"1 empty texts in 1 rows:\s+.*a.jsonl:2: an empty 'summary'"),
        ({"text": ["x"], "summary": "y"}, {}, "a.jsonl:2: 'text' is list, not text"),
    ],
)  # fmt: skip
def test_faults_of_rows(write: Any, row: dict, settings: dict, problem: str) -> None:
    path = write("a.jsonl", "\n" + json.dumps(row) + "\n")
    with pytest.raises(InputError, match=problem):
        read_documents(path, "train", config_of(**settings))


def test_summaries_that_english_rouge_cannot_see_are_refused(tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "t5")
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"text": "東京", "summary": "京"}) * 1 + "\n")
    config = config_in(tmp_path, model, validation=str(path), steps=1)
    expected = r"other.jsonl: 1 of 1 summaries have no letter a-z[\s\S]*rouge_words=any"
    with pytest.raises(InputError, match=expected):
        plan("summarization", config)
    assert plan("summarization", config.model_copy(update={"rouge_words": "any"}))["steps"] == 1


def test_each_sentence_stands_on_a_line() -> None:
    text = "It works, e.g. here. Does it? Yes!\nA new line"
    assert lined(text, "en") == "It works, e.g. here.\nDoes it?\nYes!\nA new line"
    assert lined(" \n ", "en") == ""


BODY = " ".join(["It reads every file and counts what it finds there."] * 4)


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (f"Count the words of a file.\n\n{BODY}", "Count the words of a file."),
        (f"Count the words\nof a file.\n\n{BODY}", None),  # the first paragraph is no line
        (f"Count words.\n\n{BODY}", None),  # too short
        (f"Count {'many ' * 30}words.\n\n{BODY}", None),
        ("Count the words of a file.\n\nToo short a text.", None),
        (f"Count the words of a file.\n\n{BODY}\nTo ``count`` the *words*  of a file, call it.", None),
        (f"Count its words for me.\n\n{BODY}\nRecount its words for me.", "Count its words for me."),
        ("Count the words of a file.", None),
    ],
)  # fmt: skip
def test_a_docstring_gives_its_line_unless_that_stands_below(
    text: str, summary: str | None
) -> None:
    rows = [example.row for example in examples(Document(text, "x:y"))]
    assert [row["summary"] for row in rows] == ([summary] if summary else [])
    if summary:
        assert rows[0]["text"] == text.partition("\n\n")[2]


def test_installed_docs_have_three_sides_that_share_nothing() -> None:
    sides = docstring_summaries(LIBRARY)
    assert all(0 < len(sides[side]) <= WANTED[side] for side in WANTED)
    long: dict[str, set[int]] = {}
    moved = 0
    for side, rows in sides.items():
        for row, name in rows:
            summary, text = normal_words(row["summary"]), normal_words(row["text"])
            assert f" {' '.join(summary)} " not in f" {' '.join(text)} ", name
            whole = Document(f"{row['summary']}\n\n{row['text']}", name)
            moved += side_of(whole, 0) != side
        long[side] = set().union(
            *(sentence_keys(f"{r['summary']}\n{r['text']}", 6) for r, _ in rows)
        )
    assert moved < 0.02 * sum(map(len, sides.values()))  # blank lines were more than one, or few
    names = list(WANTED)
    assert set(long) == set(names)
    for first in names:
        for second in names:
            assert first == second or not long[first] & long[second]
    texts = [row["text"] for rows in sides.values() for row, _ in rows]
    assert len(set(texts)) == len(texts)


def test_rows_of_installed_docs_name_their_docstring() -> None:
    rows = read_rows(SPEC, "test")
    assert [row.values for row in rows] == [row for row, _ in docstring_summaries(LIBRARY)["test"]]
    assert rows[0].where.startswith(f"{SPEC}: {LIBRARY}:{LIBRARY}.")
    with pytest.raises(InputError, match="no source of 'networks' is installed"):
        read_rows("installed-docs:networks", "train")
    with pytest.raises(InputError, match=r"no \w+ docstring with a summary in xxhash"):
        read_rows("installed-docs:xxhash", "train")


def test_one_name_gives_all_three_files(tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "t5")
    words = ["--model", model, "--train", SPEC, "--out", str(tmp_path / "out"), "--labels", "16"]
    settings = ["--set", "steps=1", "--set", "max_new_tokens=4"]
    done = CliRunner().invoke(app, ["finetune", "summarization", *words, *settings, "--json"])
    assert done.exit_code == 0, done.exception
    result = json.loads(done.stdout)
    assert set(result["metrics"]) == {"validation", "test"}
    sides = docstring_summaries(LIBRARY)
    assert result["validation_examples"] == len(sides["validation"])
    inputs = read_manifest(tmp_path / "out", "finetune").inputs
    assert inputs["train"] == inputs["test"] and len(inputs["train"]["xxh3_128"]) == 32
    config = FinetuneConfig(model=model, train=SPEC, out="o", validation="dev.jsonl")
    assert (config.validation, config.test) == ("dev.jsonl", SPEC)
    with pytest.raises(InputError, match=f"{SPEC}: .*: no field 'label'"):
        plan("sentiment", config.model_copy(update={"validation": SPEC}))
