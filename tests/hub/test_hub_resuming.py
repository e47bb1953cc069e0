"""A push that was killed or lost its line goes on: nothing half, and nothing sent twice."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hub_records import sha256
from local_hub import LOST, CutOff, LocalHub
from pusher import Pusher, environment
from safetensors.numpy import save_file

from mlm_pretrain.manifest import write_manifest

pytestmark = pytest.mark.fault("hub")
PARTS = 3


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A model whose weights are three files of a megabyte."""
    folder = tmp_path / "parts"
    folder.mkdir()
    for number in range(1, PARTS + 1):
        weights = {f"w{number}": np.full(250_000, number, "float32")}
        save_file(weights, folder / f"model-0000{number}-of-0000{PARTS}.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors.index.json").write_text("{}")
    write_manifest(folder, "export", {}, {}, {})
    return folder


def oids(folder: Path) -> list[str]:
    return [sha256(path.read_bytes()) for path in sorted(folder.glob("*.safetensors"))]


def holds_all(hub: LocalHub, folder: Path) -> bool:
    files = hub.repositories["ada/parts"].files("main")
    return files == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_line_that_breaks_within_the_second_file(
    hub: LocalHub, pusher: Pusher, parts: Path
) -> None:
    first, second, third = oids(parts)
    hub.faults = {"put": CutOff(second)}
    broken = pusher.call("push", parts, "ada/parts")
    assert broken["code"] == 3
    assert f"the connection to {hub.address} broke" in broken["message"]
    assert f"push it again with: mlm-pretrain push {parts} --repo ada/parts" in broken["message"]
    assert hub.uploads() == [first]
    assert 400_000 < hub.cut_off[0] < 600_000
    assert hub.repositories["ada/parts"].messages == []
    hub.faults = {}
    assert pusher.call("push", parts, "ada/parts")["result"]["is_new"]
    assert hub.uploads() == [first, second, third]
    assert len(hub.repositories["ada/parts"].messages) == 1
    assert holds_all(hub, parts)


def test_a_process_killed_within_the_second_file(
    hub: LocalHub, home: Path, pusher: Pusher, parts: Path
) -> None:
    first, second, third = oids(parts)
    hub.faults = {"put": CutOff(second, hangs=True)}
    words = ["push", str(parts), "--repo", "ada/parts"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlm_pretrain", *words], env=environment(hub, home)
    )
    deadline = time.monotonic() + 60
    while not hub.cut_off and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    assert hub.uploads() == [first]
    assert hub.repositories["ada/parts"].files("main") == {}
    hub.faults = {}
    assert pusher.call("push", parts, "ada/parts")["result"]["is_new"]
    assert hub.uploads() == [first, second, third]
    assert holds_all(hub, parts)


def test_an_answer_that_is_lost_is_found_by_the_next_push(
    hub: LocalHub, pusher: Pusher, parts: Path
) -> None:
    """The commit was made, and whoever pushed could not know."""
    hub.faults = {"commit": LOST}
    assert pusher.call("push", parts, "ada/parts")["code"] == 3
    held = hub.repositories["ada/parts"]
    assert len(held.messages) == 1
    hub.faults = {}
    again = pusher.call("push", parts, "ada/parts")["result"]
    assert again["is_new"] is False
    assert again["commit"] == held.branches["main"]
    assert len(held.messages) == 1
    assert len(hub.uploads()) == PARTS


def test_what_changed_since_is_all_that_is_sent(hub: LocalHub, pusher: Pusher, parts: Path) -> None:
    before = pusher.call("push", parts, "ada/parts")["result"]
    save_file({"w2": np.zeros(9, "float32")}, parts / "model-00002-of-00003.safetensors")
    write_manifest(parts, "export", {}, {}, {})
    after = pusher.call("push", parts, "ada/parts")["result"]
    assert after["is_new"]
    assert after["commit"] != before["commit"]
    assert hub.uploads()[PARTS:] == [oids(parts)[1]]
    assert holds_all(hub, parts)
