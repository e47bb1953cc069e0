"""The two verbs from a shell."""

from __future__ import annotations

import gzip
import json
import shlex
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from mlm_pretrain.cli import app as every_verb
from mlm_pretrain.cli.tokenizer import app

WriteCorpus = Callable[[list[str]], str]


def test_train_then_report(english: str, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    flags = ["--algorithm", "byte-bpe", "--vocab-size", "1000", "--model-max-length", "64"]
    done = CliRunner().invoke(app, ["train", "--corpus", english, "--out", out, *flags])
    assert done.exit_code == 0, done.output
    last = done.stdout.strip().splitlines()[-1]
    assert last == f"next: mlm-pretrain prepare --corpus {english} --tokenizer {out} --out data"
    arguments = ["report", "--corpus", english, "--tokenizer", out, "--limit-documents", "7"]
    report = CliRunner().invoke(app, [*arguments, "--json"])
    figures = json.loads(report.stdout)
    assert (figures["documents"], figures["vocab_size"]) == (7, 1000)
    assert (figures["unknown_rate"], figures["round_trip_rate"]) == (0.0, 1.0)


def test_several_corpora_and_a_dry_run(
    english: str, write_corpus: WriteCorpus, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    corpora = ["--corpus", english, "--corpus", write_corpus(["more"])]
    arguments = ["train", *corpora, "--out", str(out), "--dry-run", "--json"]
    done = CliRunner().invoke(app, arguments)
    assert json.loads(done.stdout)["corpus_files"] == 2
    assert not out.exists()


def test_three_verbs_read_a_faulty_corpus_by_the_same_flags(english: str, tmp_path: Path) -> None:
    folder, out = tmp_path / "texts", str(tmp_path / "out")
    folder.mkdir()
    text = Path(english).read_text(encoding="utf-8")
    (folder / "b.jsonl").write_text('{"body": "no text"}\n' + text, encoding="utf-8")
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(text.encode())[:20_000])
    flags = ["--max-bad-rows", "1", "--skip-corrupt"]
    limit = ["--limit-documents", "2000"]
    train = ["train", "--corpus", str(folder), "--out", out, "--vocab-size", "1000"]
    assert "skip_corrupt" in str(CliRunner().invoke(app, [*train, *flags[:2]]).exception)
    assert "max_bad_rows" in str(CliRunner().invoke(app, [*train, *flags[2:]]).exception)
    done = CliRunner().invoke(app, [*train, *flags, *limit, "--alphabet-limit", "40"])
    assert done.exit_code == 0, done.output
    counts = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    assert counts["alphabet"] == 40
    read = {"bad_rows": 1, "corrupt_files": 1, "documents": 2000}
    assert {name: counts["corpus"][name] for name in read} == read
    following = shlex.split(done.stdout.strip().splitlines()[-1])
    report = ["report", "--corpus", str(folder), "--tokenizer", out, *flags, *limit, "--json"]
    assert json.loads(CliRunner().invoke(app, report).stdout)["documents"] == 2000
    # The next command works as it is printed, but for the folder it writes.
    words = [*following[2:-1], str(tmp_path / "data"), "--processes", "1", "--json"]
    prepared = CliRunner().invoke(every_verb, words)
    assert prepared.exit_code == 0, prepared.output
    corpus = json.loads(prepared.stdout)["corpus"]
    assert {name: corpus[name] for name in read} == read
