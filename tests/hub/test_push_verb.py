"""`mlm-pretrain push` and `export --push-to` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from local_hub import TOKEN, LocalHub
from package_process import call_verb
from pusher import run_verb

from mlm_pretrain.cards import AdaptedFacts, write_adapted_card

Capture = pytest.CaptureFixture[str]


def test_a_dry_run_asks_nobody(model: Path, capfd: Capture) -> None:
    """The test session is offline."""
    (model / "notes.txt").write_text("x")
    done = call_verb(capfd, "push", model, "--repo", "ada/tiny", "--dry-run")
    assert done.returncode == 0, done.stderr
    size = (model / "model.safetensors").stat().st_size
    assert f"{size:,}" in done.stdout
    assert "left out: notes.txt" in done.stdout
    assert "no token, key or home path found" in done.stdout
    assert f"from {model} to ada/tiny, private" in done.stdout
    first_lines = (model / "README.md").read_text("utf-8").splitlines()[:10]
    assert "\n  ".join(first_lines) in done.stdout
    told = json.loads(
        call_verb(capfd, "push", model, "--repo", "ada/tiny", "--dry-run", "--json").stdout
    )
    assert told["files"]["model.safetensors"] == size
    assert told["left_out"] == ["notes.txt"]
    assert told["findings"] == []
    assert told["card"][:10] == first_lines
    assert told["private"] is True
    public = call_verb(capfd, "push", model, "--to", "ada/tiny", "--public", "--dry-run", "--json")
    assert json.loads(public.stdout) == {**told, "private": False}


@pytest.mark.fault("secrets")
def test_a_dry_run_lists_every_sentence_of_text_that_would_be_seen(
    model: Path, capfd: Capture
) -> None:
    """However far down on the card."""
    sentences = [
        f"The [MASK] of the {thing} was higher than that of all the others of its kind in the whole "
        "of the long and winding text that it was found in."
        for thing in ("mice", "rats", "cats")
    ]
    facts = AdaptedFacts(
        name="tiny", base_model="ada/base", model_class="BertForMaskedLM", parameters=1, versions={},
        examples=sentences, mask_token="[MASK]", language=[f"a{letter}" for letter in "abcdefghijklmnopq"],
    )  # fmt: skip
    write_adapted_card(model, facts)
    words = ["push", model, "--repo", "ada/tiny", "--dry-run"]
    told = json.loads(call_verb(capfd, *words, "--json").stdout)
    assert told["examples"] == sentences
    assert sentences[0] not in "\n".join(told["card"])
    said = call_verb(capfd, *words).stdout
    assert all(f"  {sentence}\n" in said for sentence in sentences)


@pytest.mark.fault("secrets")
def test_a_dry_run_shows_what_would_be_refused(model: Path, capfd: Capture) -> None:
    with (model / "README.md").open("a", encoding="utf-8") as card:
        card.write(f"\n{TOKEN}\n")
    done = call_verb(capfd, "push", model, "--repo", "ada/tiny", "--dry-run")
    assert done.returncode == 3
    assert "refused: README.md:" in done.stdout
    assert "holds what should not be public" in done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_folder_that_has_its_model_within(model: Path, capfd: Capture) -> None:
    """As an adapted one, whose reports are no part of a model."""
    adapted = model.with_name("adapted")
    adapted.mkdir()
    (adapted / "report.html").write_text("x")
    model.rename(adapted / "model")
    words = ["push", adapted, "--repo", "ada/tiny", "--dry-run", "--json"]
    told = json.loads(call_verb(capfd, *words).stdout)
    assert told["folder"] == str(adapted / "model")
    assert "config.json" in told["files"]
    assert told["left_out"] == []


@pytest.mark.fault("hub")
def test_mistakes(tiny_run: Path, model: Path, capfd: Capture) -> None:
    done = call_verb(capfd, "push", tiny_run, "--repo", "ada/tiny")
    assert done.returncode == 2
    assert f"export it first: mlm-pretrain export {tiny_run} --out DIR" in done.stderr
    done = call_verb(capfd, "push", model, "--repo", "tiny")
    assert done.returncode == 2
    assert "USER/NAME" in done.stderr
    assert call_verb(capfd, "push", model).returncode == 2
    done = call_verb(capfd, "export", tiny_run, "--out", model, "--private")
    assert done.returncode == 2
    assert "add --push-to" in done.stderr
    offline = call_verb(capfd, "push", model, "--repo", "ada/tiny")
    assert offline.returncode == 3


@pytest.mark.fault("hub")
def test_export_asks_for_access_first_and_then_pushes(
    hub: LocalHub, home: Path, tiny_run: Path, tmp_path: Path
) -> None:
    words = ["export", tiny_run, "--out", tmp_path / "model", "--push-to", "ada/tiny", "--private"]
    hub.role = "read"
    done = run_verb(hub, home, *words)
    assert done.returncode == 3
    assert "may only read" in done.stderr
    assert not (tmp_path / "model").exists()
    hub.role = "write"
    done = run_verb(hub, home, *words)
    assert done.returncode == 0, done.stderr
    assert f"to {hub.address}/ada/tiny (commit " in done.stdout
    held = hub.repositories["ada/tiny"]
    assert held.private
    assert (held.files("main") or {})["config.json"] == (
        tmp_path / "model" / "config.json"
    ).read_bytes()
