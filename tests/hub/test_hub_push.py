"""A model pushed through the real client to a real server, and opened from there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from local_hub import TOKEN, LocalHub, Repository
from pusher import Pusher, checksums, environment, run_verb
from safetensors.numpy import save_file

from mlm_pretrain.manifest import write_manifest

# Opens a name of the Hub and a folder, and compares them.
_REOPEN = """
import sys, torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

name, folder = sys.argv[1:]
there, here = [AutoModelForMaskedLM.from_pretrained(place).state_dict() for place in (name, folder)]
assert there.keys() == here.keys() and all(torch.equal(there[key], here[key]) for key in here)
there, here = [AutoTokenizer.from_pretrained(place).get_vocab() for place in (name, folder)]
assert there == here
print("equal")
"""


def test_pushed_by_the_verb_and_opened_from_the_hub(
    hub: LocalHub, home: Path, model: Path, tmp_path: Path
) -> None:
    before = checksums(model)
    (model / "notes.txt").write_text("mine")
    done = run_verb(hub, home, "push", model, "--to", "ada/tiny", "--message", "First", "--json")
    assert done.returncode == 0, done.stderr
    assert "notes.txt: left out" in done.stderr
    result = json.loads(done.stdout)
    held = hub.repositories["ada/tiny"]
    assert held.messages == ["First"]
    assert result["commit"] == held.branches["main"]
    assert result["url"] == f"{hub.address}/ada/tiny"
    files = held.files("main")
    assert files == {name: (model / name).read_bytes() for name in result["files"]}
    (model / "notes.txt").unlink()
    assert checksums(model) == before
    reopened = subprocess.run(
        [sys.executable, "-c", _REOPEN, "ada/tiny", str(model)], capture_output=True, text=True,
        env=environment(hub, tmp_path, HF_TOKEN=None), check=False, timeout=120,
    )  # fmt: skip
    assert reopened.stdout == "equal\n", reopened.stderr


@pytest.mark.fault("secrets")
def test_the_token_is_sent_as_authorization_alone(
    hub: LocalHub, pusher: Pusher, model: Path
) -> None:
    pusher.call("push", model, "ada/tiny", message=f"with {TOKEN}")
    assert hub.repositories["ada/tiny"].messages == ["with [redacted]"]
    for request in hub.requests:
        others = {k: v for k, v in request.headers.items() if k.lower() != "authorization"}
        assert TOKEN not in json.dumps([request.path, others])
        assert TOKEN.encode() not in request.body
    (upload,) = [request for request in hub.requests if request.step == "put"]
    assert "authorization" not in {name.lower() for name in upload.headers}


def test_one_commit_also_onto_a_branch_and_again(
    hub: LocalHub, pusher: Pusher, model: Path
) -> None:
    first = pusher.call("push", model, "ada/tiny")["result"]
    second = pusher.call("push", model, "ada/tiny", revision="trial/1")["result"]
    third = pusher.call("push", model, "ada/tiny", revision="trial/1")["result"]
    held = hub.repositories["ada/tiny"]
    assert held.branches == {"main": first["commit"], "trial/1": third["commit"]}
    assert third["commit"] != second["commit"]
    assert hub.steps().count("commit") == 3
    assert pusher.call("resolve_commit", "ada/tiny")["result"] == first["commit"]
    assert pusher.call("resolve_commit", "ada/tiny", "trial/1")["result"] == third["commit"]
    assert pusher.call("resolve_commit", "ada/none")["result"] is None
    assert pusher.call("resolve_commit", str(model))["result"] is None


def test_private(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    assert "result" in pusher.call("push", model, "ada/secret", private=True)
    assert hub.repositories["ada/secret"].private
    hub.repositories["ada/open"] = Repository()
    refused = pusher.call("push", model, "ada/open", private=True)
    assert "exists and is public" in refused["message"]
    assert "--private" in refused["message"]
    assert hub.repositories["ada/open"].messages == []


@pytest.mark.fault("hub")
def test_access_is_checked_without_uploading(hub: LocalHub, pusher: Pusher) -> None:
    assert pusher.call("check_access", "ada/tiny")["result"] is None
    assert hub.repositories["ada/tiny"].messages == []
    assert hub.steps() == ["whoami", "create", "preupload"]
    assert pusher.call("check_access", "ada/tiny", private=False)["result"] is None
    hub.repositories["bob/public"] = Repository(is_writable=False)
    assert "may not write to bob/public" in pusher.call("check_access", "bob/public")["message"]
    assert "may not write to bob/none" in pusher.call("check_access", "bob/none")["message"]
    hub.role = "read"
    refused = pusher.call("check_access", "ada/tiny")
    assert "token of ada may only read" in refused["message"]
    assert refused["code"] == 3


@pytest.mark.fault("secrets")
def test_nothing_refused_reaches_the_network(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    with (model / "README.md").open("a", encoding="utf-8") as card:
        card.write(f"\n{TOKEN}\n")
    refused = pusher.call("push", model, "ada/tiny")
    assert refused["code"] == 3
    assert re.search(r"README\.md:\d+: token in use", refused["message"])
    (model / "optimizer.pt").write_bytes(b"x")
    assert "is a pickle" in pusher.call("push", model, "ada/tiny")["message"]
    assert hub.requests == []


def test_what_the_repository_ignores_is_said(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    hub.repositories["ada/tiny"] = Repository(gitignore=("config.json",))
    refused = pusher.call("push", model, "ada/tiny")
    assert ".gitignore keeps out config.json" in refused["message"]


def test_a_model_in_parts(hub: LocalHub, pusher: Pusher, tmp_path: Path) -> None:
    """More parts than a request may be tried: each is one of its own."""
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(1, 6):
        weights = {f"w{number}": np.full(10, number, "float32")}
        save_file(weights, folder / f"model-0000{number}-of-00005.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}")
    write_manifest(folder, "export", {}, {}, {})
    result = pusher.call("push", folder, "ada/parts")["result"]
    assert hub.repositories["ada/parts"].files("main") == {
        name: (folder / name).read_bytes() for name in result["files"]
    }
    assert len(result["files"]) == 7
