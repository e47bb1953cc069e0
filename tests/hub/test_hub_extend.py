"""A tokenizer is extended by its name on the Hub."""

from __future__ import annotations

import json
from pathlib import Path

from local_hub import LocalHub
from pusher import Pusher, run_verb

from mlm_pretrain.extension import read_extension


def test_a_tokenizer_of_the_hub_is_extended_as_the_one_it_was(
    hub: LocalHub, home: Path, pusher: Pusher, model: Path, corpus_file: Path, tmp_path: Path
) -> None:
    assert "result" in pusher.call("push", model, "ada/tiny")
    found = {}
    for name, given in (("hub", "ada/tiny"), ("folder", str(model))):
        words = ["tokenizer", "extend", "--tokenizer", given, "--corpus", corpus_file]
        done = run_verb(hub, home, *words, "--words", 20, "--out", tmp_path / name, "--json")
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(done.stdout)
        assert read_extension(tmp_path / name) == read_extension(tmp_path / "hub")
    assert found["hub"]["examples"] == found["folder"]["examples"]
    asked = {request.path for request in hub.requests if "resolve" in request.path}
    assert not any("safetensors" in path for path in asked)
    wrong = run_verb(
        hub, home, "tokenizer", "extend", "--tokenizer", "ada/nothing", "--corpus", corpus_file,
        "--out", tmp_path / "x",
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "ada/nothing: no such folder, and not to be had from the Hub" in wrong.stderr
