"""`tokenizer extend` from a shell, to prepared data."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from extending_bases import MakeExtended
from typer.testing import CliRunner

from mlm_pretrain.cli import app as every_verb
from mlm_pretrain.cli.tokenizer import app


def test_extend_then_prepare(make_extended: MakeExtended, tmp_path: Path) -> None:
    known, out = make_extended("bert"), str(tmp_path / "out")
    flags = ["--tokenizer", str(known.base), "--corpus", known.corpus, "--words", "60"]
    flags += ["--keep", known.kept, "--validation", known.kept, "--out", out]
    planned = CliRunner().invoke(app, ["extend", *flags, "--dry-run", "--json"])
    assert planned.exit_code == 0, planned.output
    plan = json.loads(planned.stdout)
    assert not Path(out).exists()
    done = CliRunner().invoke(app, ["extend", *flags])
    assert done.exit_code == 0, done.output
    lines = done.stdout.strip().splitlines()
    assert lines[0].startswith(f"added 60 words to the 700 entries of {known.base}")
    assert any(line.startswith("kept") and line.endswith("0.000%") for line in lines)
    for name in ("tokenizer.json", "extension.json", "vocab.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (known.folder / name).read_bytes()
    for name in ("corpus", "kept", "validation", "examples", "left_out", "words"):
        assert plan[name] == known.result[name]
    # The next command works as it is printed, but for the folder it writes.
    following = shlex.split(lines[-1])
    assert following[:3] == ["next:", "mlm-pretrain", "prepare"]
    words = [*following[2:-1], str(tmp_path / "data"), "--max-length", "32", "--processes", "1"]
    prepared = CliRunner().invoke(every_verb, [*words, "--json"])
    assert prepared.exit_code == 0, prepared.output
    assert json.loads(prepared.stdout)["vocab_size"] == 760
    copied = tmp_path / "data" / "tokenizer" / "extension.json"
    assert copied.read_bytes() == (known.folder / "extension.json").read_bytes()


def test_words_of_a_glossary(make_extended: MakeExtended, tmp_path: Path) -> None:
    known = make_extended("bert")
    word = known.result["examples"][3]["word"]
    (tmp_path / "words.txt").write_text(f"{word.upper()}\n\nhippocampus\n", encoding="utf-8")
    flags = ["--tokenizer", str(known.base), "--corpus", known.corpus, "--out", str(tmp_path / "o")]
    listed = ["--limit-to", str(tmp_path / "words.txt")]
    done = CliRunner().invoke(app, ["extend", *flags, *listed, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout.splitlines()[-1])
    assert [example["word"] for example in result["examples"]] == [word]
    assert result["left_out"]["asked_for_and_not_there"] == 1
    missing = ["--limit-to", str(tmp_path / "nothing.txt"), "--overwrite"]
    refused = CliRunner().invoke(app, ["extend", *flags, *missing])
    assert "--limit-to" in str(refused.exception)
    assert "cannot be read" in str(refused.exception)
