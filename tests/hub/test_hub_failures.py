"""Whatever the Hub does, a push ends in time, says what to do, and leaves the model as it was."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from local_hub import CONFLICT, HANG, TOKEN, TRICKLE, LocalHub
from pusher import Pusher, checksums, run_verb
from safetensors.numpy import save_file

from mlm_pretrain.manifest import write_manifest

pytestmark = pytest.mark.fault("hub")

SAYS = {
    401: ("does not accept the token", "hf auth login"),
    403: ("may not write to ada/tiny", "choose another"),
    404: ("ada/tiny was not found", "check its name"),
    409: ("by someone else at the same time", "push again"),
    500: ("has an error of its own (500", "wait some minutes"),
    412: ("by someone else at the same time", "push again"),
    CONFLICT: ("by someone else at the same time", "push again"),
}
STEPS = ("whoami", "info", "create", "preupload", "put", "commit")
CASES = [
    (step, fault)
    for step in STEPS
    for fault in SAYS
    # A conflict is how the Hub says that a repository exists, but for one that says otherwise.
    if fault != (CONFLICT if step != "create" else 409)
]


def refused(answer: dict[str, Any], folder: Path, *words: str) -> str:
    """The message of a failed push, with all that every one of them must have."""
    assert answer["error"] == "PushError", answer
    assert answer["code"] == 3
    message = str(answer["message"])
    for word in (*words, f"kept in {folder}", "push it again with: mlm-pretrain push "):
        assert word in message
    assert "Traceback" not in message
    assert TOKEN not in message + answer["traceback"]
    assert "direct cause" not in answer["traceback"]
    return message


@pytest.mark.parametrize(("step", "fault"), CASES)
def test_each_step_refused(
    step: str, fault: int | str, hub: LocalHub, pusher: Pusher, model: Path
) -> None:
    before = checksums(model)
    hub.faults = {step: fault}
    refused(pusher.call("push", model, "ada/tiny"), model, *SAYS[fault])
    assert checksums(model) == before
    assert not any(held.messages for held in hub.repositories.values())


def test_the_command_to_retry_is_exact(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    spaced = model.rename(model.with_name("my model"))
    hub.faults = {"commit": 500}
    answer = pusher.call(
        "push", spaced, "ada/tiny", private=False, revision="v 1", message=f"it's {TOKEN}",
        timeout_seconds=2.5,
    )  # fmt: skip
    command = refused(answer, spaced).rpartition("push it again with: ")[2]
    assert shlex.split(command) == [
        "mlm-pretrain", "push", str(spaced), "--repo", "ada/tiny", "--public", "--revision", "v 1",
        "--message", "it's [redacted]", "--timeout-seconds", "2.5",
    ]  # fmt: skip


def test_a_failed_push_can_be_repeated(hub: LocalHub, pusher: Pusher, model: Path) -> None:
    hub.faults = {"commit": 500}
    refused(pusher.call("push", model, "ada/tiny"), model)
    hub.faults = {}
    assert "result" in pusher.call("push", model, "ada/tiny")


@pytest.mark.parametrize(
    ("step", "limit_seconds"),
    # An upload is tried three times, with the client's pauses of 1 and 2 seconds between.
    [("whoami", 2), ("create", 2), ("put", 6), ("commit", 2)],
)
def test_a_server_that_hangs(
    step: str, limit_seconds: float, hub: LocalHub, pusher: Pusher, model: Path
) -> None:
    before = checksums(model)
    hub.faults = {step: HANG}
    answer = pusher.call("push", model, "ada/tiny", timeout_seconds=0.3)
    refused(answer, model, f"{hub.address} did not answer within 0.3 seconds")
    assert answer["seconds"] < limit_seconds
    assert checksums(model) == before


def test_a_server_that_trickles(hub: LocalHub, pusher: Pusher) -> None:
    """No wait is ever long, so that only the limit of the whole ends it; the next call is free of it."""
    hub.faults = {"create": TRICKLE}
    answer = pusher.call("check_access", "ada/tiny", timeout_seconds=0.2)
    assert answer["code"] == 3
    assert "gave no answer in time" in answer["message"]
    assert 2 <= answer["seconds"] < 3
    hub.faults = {}
    assert pusher.call("check_access", "ada/tiny")["result"] is None


def test_the_other_upload_protocol(hub: LocalHub, home: Path, tmp_path: Path) -> None:
    """Xet has a client of its own, which knows none of our waits."""
    folder = tmp_path / "small"
    folder.mkdir()
    save_file({"w": np.zeros(4, "float32")}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_text("{}")
    write_manifest(folder, "export", {}, {}, {})
    process = Pusher(hub, home.with_name("home-xet"), HF_HUB_DISABLE_XET=None)
    refused(process.call("push", folder, "ada/tiny"), folder, "404")
    hub.faults = {"xet": HANG}
    answer = process.call("push", folder, "ada/tiny", timeout_seconds=0.2)
    refused(answer, folder, "gave no answer in time")
    assert answer["seconds"] < 4
    process.close()
    assert TOKEN not in process.stderr.read_text()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"HF_TOKEN": None}, "there is no Hugging Face token"),
        ({"HF_TOKEN": "hf_" + "wrong" * 6}, "does not accept the token"),
        ({"HF_TOKEN": "hf_" + "wrong\x0c" * 6}, "characters that no request can carry"),
        ({"HF_TOKEN": "schlüsselwort"}, "characters that no request can carry"),
        ({"HF_HUB_OFFLINE": "1"}, "offline mode is on"),
        ({"HF_ENDPOINT": "closed"}, "cannot be reached"),
        ({"HF_ENDPOINT": "hub.invalid"}, "cannot be reached"),
    ],
)
def test_surroundings(
    changes: dict[str, str | None], says: str, hub: LocalHub, home: Path, model: Path
) -> None:
    if changes.get("HF_ENDPOINT") == "closed":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            changes = {"HF_ENDPOINT": f"http://127.0.0.1:{free.getsockname()[1]}"}
    process = Pusher(hub, home.with_name("home-other"), **changes)
    answer = process.call("push", model, "ada/tiny")
    message = refused(answer, model, says)
    process.close()
    said = message + answer["traceback"] + process.stderr.read_text()
    assert "wrong" not in said
    assert "schl" not in said


@pytest.mark.parametrize(
    ("fault", "says"), [(403, SAYS[403][0]), (HANG, "did not answer within 1")]
)
def test_the_verb_as_a_process(
    fault: int | str, says: str, hub: LocalHub, home: Path, model: Path
) -> None:
    before = checksums(model)
    hub.faults = {"commit": fault}
    done = run_verb(hub, home, "push", model, "--repo", "ada/tiny", "--timeout-seconds", 1)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    for word in (says, f"kept in {model}", f"mlm-pretrain push {model} --repo ada/tiny"):
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr
    assert checksums(model) == before
