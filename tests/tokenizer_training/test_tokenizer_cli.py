"""The two verbs from a shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

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
