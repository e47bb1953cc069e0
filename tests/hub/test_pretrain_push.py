"""A run that is to be pushed asks first, and keeps its model whatever becomes of the push."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_hub import TOKEN, LocalHub
from pusher import Verbs

FLAGS = ["--arch", "bert:2x64", "--steps", "2", "--batch-size", "4", "--precision", "fp32"]


@pytest.mark.fault("hub")
def test_it_asks_before_it_trains(
    hub: LocalHub, verbs: Verbs, prepared: Path, tmp_path: Path
) -> None:
    hub.faults["create"] = 403
    words = ["pretrain", "--data", prepared, "--out", tmp_path / "run", *FLAGS]
    done = verbs.run(*words, "--push-to", "ada/tiny")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("hub")
def test_a_push_that_fails_leaves_the_model_and_the_command(
    hub: LocalHub, verbs: Verbs, prepared: Path, tmp_path: Path
) -> None:
    hub.faults["commit"] = 409
    run = tmp_path / "run"
    words = ["pretrain", "--data", prepared, "--out", run, *FLAGS, "--push-to", "ada/tiny"]
    done = verbs.run(*words)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert f"mlm-pretrain push {run / 'exported'} --repo ada/tiny" in done.stderr
    assert (run / "exported" / "model.safetensors").is_file()
    hub.faults.clear()
    again = verbs.run("pretrain", "--out", run, "--resume", "--push-to", "ada/tiny", "--json")
    assert again.returncode == 0, again.stderr
    pushed = json.loads(again.stdout)["pushed"]
    assert pushed["repo"] == "ada/tiny"
    assert pushed["commit"]


@pytest.mark.fault("hub")
def test_a_fine_tuned_model_is_asked_for_and_pushed_too(
    hub: LocalHub, verbs: Verbs, tiny_model: Path, tmp_path: Path
) -> None:
    rows, tuned = tmp_path / "rows.jsonl", tmp_path / "tuned"
    rows.write_text(
        "\n".join(json.dumps({"text": f"the word {n}", "label": "ab"[n % 2]}) for n in range(16))
    )
    words = ["finetune", "sentiment", "--model", tiny_model, "--train", rows, "--validation", rows,
             "--epochs", "1", "--out", tuned, "--push-to", "ada/tuned"]  # fmt: skip
    hub.role = "read"
    assert verbs.run(*words).returncode == 3
    refused = verbs.run(*words, "--set", "save_model=false")
    assert "leaves no model to push" in refused.stderr
    assert not tuned.exists()
    hub.role = "write"
    done = verbs.run(*words, "--public")
    assert done.returncode == 0, done.stderr
    assert f"to {hub.address}/ada/tuned (commit " in done.stdout
    held = hub.repositories["ada/tuned"]
    assert not held.private
    files = held.files("main") or {}
    assert files["README.md"] == (tuned / "README.md").read_bytes()
    assert {"manifest.json", "predictions_validation.jsonl"}.isdisjoint(files)
    again = verbs.run("push", tuned, "--repo", "ada/tuned", "--public")
    assert again.stdout.startswith("nothing to do: the ")


@pytest.mark.fault("secrets")
def test_no_token_and_no_home_in_anything_written(
    verbs: Verbs, home: Path, corpus_file: Path
) -> None:
    """Everything below the home folder of a user who is logged in: all that all verbs write and say."""
    work = home / "work"
    work.mkdir(parents=True)
    (work / "corpus.jsonl").write_bytes(corpus_file.read_bytes())
    rows = [json.dumps({"text": f"the word {n}", "label": "ab"[n % 2]}) for n in range(32)]
    (work / "rows.jsonl").write_text("\n".join(rows))
    words_of = [
        ["tokenizer", "train", "--corpus", work / "corpus.jsonl", "--algorithm", "bpe",
         "--vocab-size", 1000, "--out", work / "tokenizer"],
        ["prepare", "--corpus", work / "corpus.jsonl", "--tokenizer", work / "tokenizer",
         "--out", work / "data", "--max-length", 64],
        ["pretrain", "--data", work / "data", "--out", work / "run", *FLAGS, "--checkpoint-minutes",
         "1e-6", "--push-to", "ada/whole"],
        ["finetune", "sentiment", "--model", work / "run" / "exported", "--train", work / "rows.jsonl",
         "--validation", work / "rows.jsonl", "--out", work / "tuned", "--epochs", "1"],
        ["evaluate", "--model", work / "run" / "exported", "--data", work / "data", "--out", work / "scores"],
        ["pretrain", "--data", work / "data", "--out", work / "run", *FLAGS],  # refused: not empty
    ]  # fmt: skip
    said = [verbs.run(*verb) for verb in words_of]
    assert [done.returncode for done in said] == [0, 0, 0, 0, 0, 2], [d.stderr[-500:] for d in said]
    given = {work / "corpus.jsonl", work / "rows.jsonl"}
    written = [path for path in work.rglob("*") if path.is_file() and path not in given]
    assert len(written) > 40
    for path in written:
        content = path.read_bytes()
        assert TOKEN.encode() not in content, path
        assert str(home).encode() not in content, path
    assert not [done for done in said if TOKEN in done.stdout + done.stderr]
    resumed = verbs.run("pretrain", "--out", work / "run", "--resume")  # ~ is read again
    assert resumed.returncode == 0, resumed.stderr


def test_what_comes_from_the_hub_is_recorded_by_commit(
    verbs: Verbs, tiny_model: Path, prepared: Path, tmp_path: Path
) -> None:
    """Also when a branch was named, or none; and another commit of the same branch is not taken."""
    pushed = verbs.run("push", tiny_model, "--repo", "ada/base", "--json")
    assert pushed.returncode == 0, pushed.stderr
    commit = json.loads(pushed.stdout)["commit"]
    run, tuned, data = tmp_path / "run", tmp_path / "tuned", tmp_path / "data"
    rows = tmp_path / "rows.jsonl"
    lines = [json.dumps({"text": f"the word {n}", "label": "ab"[n % 2]}) for n in range(16)]
    rows.write_text("\n".join(lines))
    tune = ["--train", rows, "--validation", rows, "--epochs", "1", "--out", tuned]
    flags = ["--steps", "1", "--batch-size", "4", "--precision", "fp32"]
    words_of = [
        ["pretrain", "--data", prepared, "--init", "ada/base", "--out", run, *flags],
        ["finetune", "sentiment", "--model", "ada/base", "--revision", "main", *tune],
        [
            "prepare",
            "--corpus",
            rows,
            "--tokenizer",
            "ada/base",
            "--out",
            data,
            "--max-length",
            "32",
        ],
    ]
    for words in words_of:
        done = verbs.run(*words)
        assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((run / "run.json").read_text())["config"]["revision"] == commit
    assert (
        json.loads((tuned / "manifest.json").read_text())["inputs"]["model"]["revision"] == commit
    )
    assert (
        json.loads((data / "manifest.json").read_text())["inputs"]["tokenizer"]["commit"] == commit
    )
