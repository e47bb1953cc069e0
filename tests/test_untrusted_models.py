"""A model folder from somewhere: its code is not run, its pickles are not opened, whichever verb meets it."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import package_process
import pytest

from mlm_pretrain.cli import app

CODE = """
from pathlib import Path
Path({trap!r}).touch()
from transformers import BertConfig, BertForMaskedLM
class OwnConfig(BertConfig): model_type = "own"
class OwnModel(BertForMaskedLM): config_class = OwnConfig
"""


class Payload:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def verbs(model: Path, data: Path, out: Path) -> dict[str, list[Any]]:
    """Every verb that opens a model, on this one."""
    rows = out / "rows.jsonl"
    lines = [json.dumps({"text": "the word", "label": label}) for label in "ab" * 16]
    rows.write_text("\n".join(lines), encoding="utf-8")
    tuned = ["--train", rows, "--validation", rows, "--epochs", "1"]
    return {
        "pretrain": ["pretrain", "--data", data, "--init", model, "--steps", 1, "--out", out / "a"],
        "evaluate": ["evaluate", "--model", model, "--data", data],
        "fill": ["fill", "--model", model, "the [MASK]"],
        "finetune": ["finetune", "sentiment", "--model", model, *tuned, "--out", out / "b"],
    }


@pytest.mark.fault("remote-code")
@pytest.mark.parametrize("verb", ["pretrain", "evaluate", "fill", "finetune"])
def test_code_in_a_model_folder_is_not_run(
    verb: str, tiny_model: Path, prepared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, trap = Path(shutil.copytree(tiny_model, tmp_path / "model")), tmp_path / "trap"
    (model / "manifest.json").unlink()
    (model / "own.py").write_text(CODE.format(trap=str(trap)), encoding="utf-8")
    settings = json.loads((model / "config.json").read_text("utf-8"))
    settings |= {"model_type": "own", "architectures": ["OwnModel"]}
    settings["auto_map"] = {
        "AutoConfig": "own.OwnConfig", "AutoModelForMaskedLM": "own.OwnModel",
        "AutoTokenizer": ["own.OwnTokenizer", None],
    }  # fmt: skip
    (model / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    done = package_process.call_verb(capfd, *verbs(model, prepared, tmp_path)[verb])
    assert done.returncode == 2, done.stderr
    assert str(model) in done.stderr
    assert "Traceback" not in done.stderr
    assert not trap.exists()


@pytest.mark.fault("pickle")
@pytest.mark.parametrize("verb", ["pretrain", "evaluate", "fill", "finetune"])
def test_pickled_weights_are_not_opened(
    verb: str, tiny_model: Path, prepared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, trap = Path(shutil.copytree(tiny_model, tmp_path / "model")), tmp_path / "trap"
    for name in ("manifest.json", "model.safetensors"):
        (model / name).unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Payload(trap)}))
    done = package_process.call_verb(capfd, *verbs(model, prepared, tmp_path)[verb])
    assert done.returncode == 2, done.stderr
    assert str(model) in done.stderr
    assert "safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert not trap.exists()


@pytest.mark.fault("remote-code")
def test_no_verb_offers_to_run_it(capfd: pytest.CaptureFixture[str]) -> None:
    names = [command.name for command in app.registered_commands]
    assert "pretrain" in names
    for words in [*([name] for name in names), ["tokenizer", "train"], ["finetune", "ner"]]:
        assert "remote" not in package_process.call_verb(capfd, *words, "--help").stdout.lower()
    refused = package_process.call_verb(capfd, "pretrain", "--trust-remote-code")
    assert refused.returncode == 2
