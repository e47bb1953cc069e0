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

from mlm_pretrain.cards import AdaptedFacts, WorthResult, write_adapted_card
from mlm_pretrain.manifest import write_manifest

# Downloads a repository and compares it with a folder, byte by byte, and as from_pretrained opens them.
_REOPEN = """
import pathlib, sys, torch
from huggingface_hub import snapshot_download

name, folder = sys.argv[1:]
downloaded = pathlib.Path(snapshot_download(name))
bytes_of = [{p.name: p.read_bytes() for p in place.iterdir()} for place in (downloaded, pathlib.Path(folder))]
assert bytes_of[0] == bytes_of[1]

from transformers import AutoModelForMaskedLM, AutoTokenizer

there, here = [AutoModelForMaskedLM.from_pretrained(place).state_dict() for place in (name, folder)]
assert there.keys() == here.keys() and all(torch.equal(there[key], here[key]) for key in here)
there, here = [AutoTokenizer.from_pretrained(place).get_vocab() for place in (name, folder)]
assert there == here
print("equal")
"""


def test_pushed_by_the_verb_and_opened_from_the_hub(
    hub: LocalHub, home: Path, model: Path, tmp_path: Path
) -> None:
    """Also by who may see it alone: it is private without a word."""
    before = checksums(model)
    (model / "notes.txt").write_text("mine")
    done = run_verb(hub, home, "push", model, "--repo", "ada/tiny", "--message", "First", "--json")
    assert done.returncode == 0, done.stderr
    assert "notes.txt: left out" in done.stderr
    result = json.loads(done.stdout)
    held = hub.repositories["ada/tiny"]
    assert held.private
    assert result["private"] is True
    assert held.messages == ["First"]
    assert result["commit"] == held.branches["main"]
    assert result["url"] == f"{hub.address}/ada/tiny"
    files = held.files("main")
    assert files == {name: (model / name).read_bytes() for name in result["files"]}
    (model / "notes.txt").unlink()
    assert checksums(model) == before
    opened = reopen(model, environment(hub, tmp_path))
    assert opened.stdout == "equal\n", opened.stderr
    stranger = reopen(model, environment(hub, tmp_path / "stranger", HF_TOKEN=None))
    assert "401" in stranger.stderr


def reopen(model: Path, surroundings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _REOPEN, "ada/tiny", str(model)], capture_output=True, text=True,
        env=surroundings, check=False, timeout=120,
    )  # fmt: skip


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
    (model / "README.md").write_text("---\ntags:\n- mine\n---\n", encoding="utf-8")
    third = pusher.call("push", model, "ada/tiny", revision="trial/1")["result"]
    held = hub.repositories["ada/tiny"]
    assert held.branches == {"main": first["commit"], "trial/1": third["commit"]}
    assert first["is_new"]
    assert not second["is_new"]  # a branch begins at main
    assert third["is_new"]
    assert (held.files("trial/1") or {})["README.md"] == (model / "README.md").read_bytes()
    assert hub.steps().count("commit") == 2
    assert len(hub.uploads()) == 1
    assert pusher.call("resolve_commit", "ada/tiny")["result"] == first["commit"]
    assert pusher.call("resolve_commit", "ada/tiny", "trial/1")["result"] == third["commit"]
    assert pusher.call("resolve_commit", "ada/none")["result"] is None
    assert pusher.call("resolve_commit", str(model))["result"] is None


def test_private_unless_told_otherwise(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    assert pusher.call("push_to_hub", model, "ada/secret")["result"]["private"]
    assert hub.repositories["ada/secret"].private
    hub.repositories["ada/open"] = Repository()
    before = len(hub.requests)
    for options in ({}, {"private": True}):
        refused = pusher.call("push", model, "ada/open", **options)
        assert "exists and is public" in refused["message"]
        assert "add --public" in refused["message"]
    assert "exists and is public" in pusher.call("check_access", "ada/open")["message"]
    assert set(hub.steps()[before:]) == {"whoami", "info", "create"}
    assert hub.repositories["ada/open"].messages == []


def test_public_where_it_is_asked_for(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    """Who sees a repository that is there is never changed."""
    result = pusher.call("push", model, "ada/new", private=False)["result"]
    assert result["private"] is False
    assert not hub.repositories["ada/new"].private
    hub.repositories["ada/open"] = Repository()
    assert pusher.call("push", model, "ada/open", private=False)["result"]["is_new"]
    hub.repositories["ada/closed"] = Repository(private=True)
    result = pusher.call("push", model, "ada/closed", private=False)["result"]
    assert result["private"] is True
    assert hub.repositories["ada/closed"].private
    assert "ada/closed: is private and stays so" in pusher.stderr.read_text()


@pytest.mark.fault("hub")
def test_access_is_checked_without_uploading(hub: LocalHub, pusher: Pusher) -> None:
    assert pusher.call("check_access", "ada/tiny")["result"] is None
    assert hub.repositories["ada/tiny"].messages == []
    assert hub.steps() == ["whoami", "create", "info", "preupload"]
    assert hub.repositories["ada/tiny"].private
    assert pusher.call("check_access", "ada/tiny", private=False)["result"] is None
    hub.repositories["bob/public"] = Repository(is_writable=False)
    refused = pusher.call("check_access", "bob/public", private=False)
    assert "may not write to bob/public" in refused["message"]
    assert "may not write to bob/none" in pusher.call("check_access", "bob/none")["message"]
    hub.role = "read"
    refused = pusher.call("check_access", "ada/tiny")
    assert "token of ada may only read" in refused["message"]
    assert refused["code"] == 3


@pytest.mark.fault("hub")
def test_the_token_and_the_right_to_write_come_before_large_files(
    hub: LocalHub, pusher: Pusher, model: Path
) -> None:
    """The damage in the weights is found by reading them, which only a push that may go on does."""
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    hub.role = "read"
    assert "may only read" in pusher.call("push", model, "ada/tiny")["message"]
    hub.role = "write"
    hub.repositories["bob/closed"] = Repository(is_writable=False, private=True)
    assert "may not write to bob/closed" in pusher.call("push", model, "bob/closed")["message"]
    damaged = pusher.call("push", model, "ada/tiny")
    assert "model.safetensors: its checksum does not match" in damaged["message"]
    assert damaged["code"] == 2
    assert "ada/tiny" not in hub.repositories


@pytest.mark.fault("secrets")
def test_nothing_refused_reaches_the_hub(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    """Not even a repository is made; and what names alone tell is said without asking anyone."""
    with (model / "README.md").open("a", encoding="utf-8") as card:
        card.write(f"\n{TOKEN}\n")
    refused = pusher.call("push", model, "ada/tiny")
    assert refused["code"] == 3
    assert re.search(r"README\.md:\d+: token in use", refused["message"])
    assert hub.steps() == ["whoami", "info"]
    hub.requests.clear()
    (model / "optimizer.pt").write_bytes(b"x")
    assert "is a pickle" in pusher.call("push", model, "ada/tiny")["message"]
    assert hub.requests == []


def test_an_adapted_model_with_its_card(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    """Within a folder with reports, which are no part of it."""
    folder = model.with_name("adapted")
    folder.mkdir()
    (folder / "report.json").write_text("{}")
    model = model.rename(folder / "model")
    result = {
        "task": "names", "kind": "ner", "metric": "f1", "split": "test", "base_mean": 0.5, "low": 0.1,
        "adapted_mean": 0.75, "difference": 0.25, "high": 0.4, "p_holm": 0.01, "verdict": "better",
        "seeds": 3,
    }  # fmt: skip
    facts = AdaptedFacts(
        name="tiny", base_model="ada/base", model_class="BertForMaskedLM", parameters=1,
        versions={}, worth=[WorthResult(**result)],
    )  # fmt: skip
    write_adapted_card(model, facts)
    done = pusher.call("push", folder, "ada/adapted")["result"]
    files = hub.repositories["ada/adapted"].files("main") or {}
    assert files == {path.name: path.read_bytes() for path in model.iterdir()}
    assert done["folder"] == str(model)


@pytest.mark.parametrize(
    ("front", "says"),
    [
        ("model-index:\n- results: 1", "Invalid `model_index`"),
        ("tags: [", "expected the node content"),
        ("license: nobodys-own", '"license" must be one of'),  # which the Hub alone knows
    ],
)
def test_metadata_that_the_hub_cannot_read(
    front: str, says: str, hub: LocalHub, pusher: Pusher, model: Path
) -> None:
    """It is found before anything is made or sent."""
    (model / "README.md").write_text(f"---\n{front}\n---\n", encoding="utf-8")
    refused = pusher.call("push", model, "ada/tiny")
    assert refused["code"] == 3
    assert f"{model}/README.md: the Hub cannot read the metadata at its top" in refused["message"]
    assert says in refused["message"]
    assert hub.repositories == {}
    assert hub.uploads() == []


def test_what_the_repository_ignores_is_said(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    hub.repositories["ada/tiny"] = Repository(private=True, gitignore=("config.json",))
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
    (folder / "tokenizer.json").write_text("{}")
    write_manifest(folder, "export", {}, {}, {})
    result = pusher.call("push", folder, "ada/parts")["result"]
    assert hub.repositories["ada/parts"].files("main") == {
        name: (folder / name).read_bytes() for name in result["files"]
    }
    assert len(result["files"]) == 8
