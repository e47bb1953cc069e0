"""A checkpoint is adapted by its name on the Hub, and stays the one it was whatever is pushed there."""

from __future__ import annotations

import json
from pathlib import Path

from local_hub import LocalHub
from pusher import Pusher, Verbs


def test_an_adaptation_keeps_to_the_commit_that_it_began_with(
    hub: LocalHub, pusher: Pusher, verbs: Verbs, model: Path, corpus_file: Path, tmp_path: Path
) -> None:
    first = pusher.call("push", model, "ada/general")["result"]["commit"]
    out = tmp_path / "out"
    words = [
        "adapt", "--model", "ada/general", "--revision", "main", "--corpus", corpus_file, "--steps", 2,
        "--words", 0, "--set", "pretrain.batch_size=4", "--set", "prepare.max_length=64", "--out", out,
    ]  # fmt: skip
    done = verbs.run(*words)
    assert done.returncode == 0, done.stderr
    broken = hub.repositories["ada/general"].add("main", {"config.json": b"no JSON"}, "an accident")
    again = verbs.run(*words)
    assert again.returncode == 0, again.stderr
    assert "finished before" in again.stderr
    assert json.loads((out / "adaptation.json").read_text())["commit"] == first
    card = (out / "model" / "README.md").read_text("utf-8")
    assert f"`ada/general` at commit `{first}`." in card
    anew = verbs.run(*words, "--overwrite")  # by then main is what was pushed last
    assert anew.returncode == 2, anew.stderr
    assert broken in {
        request.path.split("/")[4] for request in hub.requests if "resolve" in request.path
    }
