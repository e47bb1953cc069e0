"""What cannot work is said before the first step, or at the step where it shows."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling import assemble
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


def config(data: Path, out: Path, **changes: Any) -> PretrainConfig:
    settings = {"arch": "bert:2x64", "steps": 2, "batch_size": 4, "precision": "fp32", **changes}
    return PretrainConfig(data=str(data), out=str(out), **settings)


@pytest.mark.fault("used-folder")
def test_a_folder_that_holds_something_is_refused(prepared: Path, tmp_path: Path) -> None:
    note = tmp_path / "notes.txt"
    note.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty"):
        pretrain(config(prepared, tmp_path))
    with pytest.raises(InputError, match="did not write"):
        pretrain(config(prepared, tmp_path), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_overwrite_replaces_a_run(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    pretrain(config(prepared, out, steps=3))
    with pytest.raises(InputError, match="is not empty"):
        pretrain(config(prepared, out, steps=1))
    assert pretrain(config(prepared, out, steps=1), overwrite=True)["steps"] == 1
    assert not (out / "checkpoint-3").exists()


@pytest.mark.fault("flipped-bit")
def test_a_flipped_bit_in_the_data_is_found(prepared: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(prepared, tmp_path / "data"))
    tokens = data / "train" / "tokens-00000.bin"
    content = bytearray(tokens.read_bytes())
    content[len(content) // 2] ^= 1
    tokens.write_bytes(content)
    with pytest.raises(InputError, match=r"tokens-00000\.bin: its checksum does not match"):
        pretrain(config(data, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_overwrite_loses_nothing_when_the_new_run_cannot_begin(
    prepared: Path, tmp_path: Path
) -> None:
    """A tokenizer without a mask token is found out before the old run goes."""
    out = tmp_path / "run"
    pretrain(config(prepared, out))
    data = Path(shutil.copytree(prepared, tmp_path / "data"))
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        path = data / "tokenizer" / name
        settings = json.loads(path.read_text("utf-8"))
        settings.pop("mask_token", None)
        path.write_text(json.dumps(settings), "utf-8")
    manifest = json.loads((data / "manifest.json").read_text("utf-8"))
    manifest["files"] = {k: v for k, v in manifest["files"].items() if "tokenizer/" not in k}
    del manifest["seal"]
    (data / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(InputError, match="mask token"):
        pretrain(config(data, out), overwrite=True)
    assert (out / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("seed", [-1, 1 << 32])
def test_seeds_that_no_generator_takes(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        PretrainConfig(seed=seed)


@pytest.mark.fault("too-few-rows")
def test_fewer_rows_than_a_batch(prepared: Path, tmp_path: Path) -> None:
    rows = len(PackedDataset(prepared, "train"))
    with pytest.raises(InputError, match=f"{rows} rows are fewer than a batch of {rows + 1}"):
        pretrain(config(prepared, tmp_path / "run", batch_size=rows + 1))
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("disk-full")
def test_a_disk_that_is_too_small(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run: needs [\d.]+ GB, has [\d.]+ GB"):
        pretrain(config(prepared, tmp_path / "run", keep_checkpoints=10**9))
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("too-long")
@pytest.mark.parametrize(
    ("family", "positions", "room"), [("bert", 32, 32), ("modernbert", 40, 40), ("roberta", 40, 39)]
)
def test_rows_longer_than_the_positions(
    family: str, positions: int, room: int, prepared: Path, tmp_path: Path
) -> None:
    arch = tmp_path / "config.json"
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1}
    shape |= {"intermediate_size": 64, "max_position_embeddings": positions, "pad_token_id": 0}
    arch.write_text(json.dumps({"model_type": family, **shape}), encoding="utf-8")
    with pytest.raises(InputError, match=f"64 > {room}"):
        pretrain(config(prepared, tmp_path / "run", arch=str(arch)))
    assert not (tmp_path / "run").exists()


@pytest.mark.fault("not-a-number")
def test_a_loss_that_is_no_number_stops_the_run(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    wild = config(prepared, out, steps=50, learning_rate=1e20, checkpoint_minutes=1e-6)
    with pytest.raises(InputError, match=r"step \d+: the (loss|gradient norm) is") as error:
        pretrain(wild)
    step = int(re.findall(r"step (\d+)", str(error.value))[0])
    saved = sorted(int(path.name.split("-")[1]) for path in out.glob("checkpoint-*"))
    assert saved[-1] == step - 1
    assert f"checkpoint-{step - 1}" in str(error.value)
    for number in saved:
        weights = load_file(out / f"checkpoint-{number}" / "model.safetensors")
        assert all(torch.isfinite(value).all() for value in weights.values())
    assert not (out / "model").exists()


@pytest.mark.fault("not-a-number")
def test_gradients_that_are_no_numbers_never_reach_the_weights(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backward pass can overflow though the loss did not."""
    out, real, calls = tmp_path / "run", torch.Tensor.backward, []

    def overflowing(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        calls.append(1)
        real(tensor * (float("inf") if len(calls) == 3 else 1.0), *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "backward", overflowing)
    with pytest.raises(InputError, match="step 3: the gradient norm is"):
        pretrain(config(prepared, out, steps=5, checkpoint_minutes=1e-6))
    assert not (out / "checkpoint-3").exists()
    assert (out / "checkpoint-2" / "manifest.json").exists()


def test_unfinished_data(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match=r"data: no manifest\.json"):
        pretrain(config(tmp_path / "data", tmp_path / "run"))


def test_lengths_and_shares_that_contradict() -> None:
    with pytest.raises(ValueError, match="only one of"):
        PretrainConfig(steps=1, minutes=1.0)
    with pytest.raises(ValueError, match="not both"):
        PretrainConfig(arch="bert-tiny", init="somewhere")
    with pytest.raises(ValueError, match="warmup_share"):
        PretrainConfig(warmup_share=0.6, decay_share=0.6)


def test_an_epoch_is_every_row(prepared: Path, tmp_path: Path) -> None:
    rows = len(PackedDataset(prepared, "train"))
    batch = rows // 2 - 1  # two full batches and a small one
    for epochs, steps in ((2.0, 6), (0.5, 2)):
        made = assemble(config(prepared, tmp_path, steps=None, epochs=epochs, batch_size=batch))
        assert made.budget.steps == steps
    made = assemble(config(prepared, tmp_path, steps=None, batch_size=0))
    assert made.config.batch_size >= 1
    assert made.budget.steps == -(-rows // made.config.batch_size)


def test_a_plan_writes_nothing(prepared: Path, tmp_path: Path) -> None:
    planned = plan(config(prepared, tmp_path / "run", steps=None, epochs=2.0, batch_size=8))
    rows = len(PackedDataset(prepared, "train"))
    assert planned["steps"] == 2 * -(-rows // 8)
    assert list(tmp_path.iterdir()) == []
