"""A loss that explodes stops the run before the update, or sends it back behind what led there."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import package_process
import pytest
import spike_of_one_process as spiking
import torch
from resumable import checkpoints, weights

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.randomness import epoch_permutation
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
from mlm_pretrain.training.callbacks.loss_watch import LossSpike, LossWatch
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

STEPS = 120


@pytest.fixture(scope="module")
def poisoned(tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows that say the same again and again, and one of words in no order at all."""
    folder = tmp_path_factory.mktemp("poisoned")
    vocabulary = json.loads((tokenizer_folders["wordpiece"] / "tokenizer.json").read_text("utf-8"))
    words = [word for word in vocabulary["model"]["vocab"] if word.isalpha() and len(word) > 3]
    chance = random.Random(0)
    noise = " ".join(chance.choices(words, k=60))
    lines = ["the value of the class is the name of the object " * 5] * 240
    lines.insert(170, noise)
    (folder / "corpus.txt").write_text("\n".join(lines), "utf-8")
    settings = PrepareConfig(max_length=64, validation_share=0.0, segments="full", processes=1)
    prepare([str(folder / "corpus.txt")], tokenizer_folders["wordpiece"], folder / "data", settings)
    return folder / "data"


def seed_for(data: Path) -> int:
    """One with which the odd row comes when the others are known, and before the end."""
    rows = PackedDataset(data, "train")
    odd = next(n for n in range(len(rows)) if len(set(rows[n]["input_ids"].tolist())) > 20)
    places = ((seed, list(epoch_permutation(seed, 0, len(rows))).index(odd)) for seed in range(99))
    return next(seed for seed, place in places if 100 < place < 2 * STEPS - 40)


def config(data: Path, out: Path, **changes: Any) -> PretrainConfig:
    settings: dict[str, Any] = {
        "arch": "bert:2x64", "steps": STEPS, "batch_size": 2, "precision": "fp32",
        "learning_rate": 3e-3, "log_every": 1, "keep_checkpoints": 200, "checkpoint_minutes": 1e-6,
        "dropout": 0.1, **changes,
    }  # fmt: skip
    return PretrainConfig(data=str(data), out=str(out), seed=seed_for(data), **settings)


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").open()]


def losses_of(out: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in log(out) if "loss" in line}


def test_an_explosion_stops_before_its_update(poisoned: Path, tmp_path: Path) -> None:
    with pytest.raises(LossSpike, match=r"loss is \d+\.\d+, after \d\.\d+ in the steps") as caught:
        pretrain(config(poisoned, tmp_path / "run"))
    step = caught.value.step
    assert 20 < step < STEPS
    saved = checkpoints(tmp_path / "run")[-1]
    assert saved.name == f"checkpoint-{step - 1}"
    assert str(saved) in str(caught.value)
    assert "spike_nats" in str(caught.value)
    assert not (tmp_path / "run" / "model").exists()
    # Resumed, it comes to the same point; asked not to mind, it goes on.
    with pytest.raises(LossSpike, match=f"step {step}: "):
        pretrain(config(poisoned, tmp_path / "run"), resume=True)
    result = pretrain(config(poisoned, tmp_path / "run", spike_nats=50.0), resume=True)
    assert result["steps"] == STEPS


def test_going_back_skips_the_batches_and_says_so(
    poisoned: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    result = pretrain(config(poisoned, out, on_spike="skip"))
    assert result["steps"] == STEPS
    assert "going back to" in capfd.readouterr().err
    (event,) = [line for line in log(out) if line.get("event") == "spike"]
    spike = event["step"]
    assert event["skipped"] == [spike]
    assert event["resumed_from"] == spike - 1
    losses = losses_of(out)
    assert len(losses) == STEPS
    assert losses[spike] == 0.0  # nothing was learnt from it
    assert losses[spike + 1] < 2.0
    before, after = (
        (out / f"checkpoint-{step}" / "model.safetensors").read_bytes()
        for step in (spike - 1, spike)
    )
    assert before == after
    # A run stopped after that remembers what was skipped.
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    shutil.rmtree(copy / "model")
    (copy / "manifest.json").unlink()
    for checkpoint in checkpoints(copy):
        if int(checkpoint.name.split("-")[1]) > spike:
            shutil.rmtree(checkpoint)
    pretrain(config(poisoned, copy, on_spike="skip"), resume=True)
    assert weights(copy) == weights(out)


def test_steps_long_before_the_spike_are_made_again(poisoned: Path, tmp_path: Path) -> None:
    """Only the last few before it are passed over, however long ago the checkpoint was written."""
    out = tmp_path / "run"
    with pytest.raises(LossSpike) as caught:
        pretrain(config(poisoned, out))
    spike = caught.value.step
    start = spike - 20
    for checkpoint in checkpoints(out):
        if int(checkpoint.name.split("-")[1]) > start:
            shutil.rmtree(checkpoint)
    before = losses_of(out)
    seldom = config(poisoned, out, on_spike="skip", checkpoint_minutes=10.0)
    assert pretrain(seldom, resume=True)["steps"] == STEPS
    (event,) = [line for line in log(out) if line.get("event") == "spike"]
    assert event["resumed_from"] == start
    assert event["skipped"] == list(range(spike - 3, spike + 1))
    after = losses_of(out)
    assert all(after[step] == before[step] for step in range(start, spike - 3))
    assert all(after[step] == 0.0 for step in event["skipped"])
    assert 0.0 < after[spike + 1] < 2.0


def test_a_run_that_only_diverges_is_given_up(prepared: Path, tmp_path: Path) -> None:
    wild = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), arch="bert:2x64", steps=50, batch_size=4,
        learning_rate=1e20, on_spike="skip", checkpoint_minutes=1e-6, precision="fp32",
    )  # fmt: skip
    with pytest.raises(InputError, match="lower the learning rate"):
        pretrain(wild)


def test_a_limit_that_follows_the_noise() -> None:
    """Nothing is judged in the first steps; small steps may vary, calm ones may not leap."""

    def watching(losses: list[float]) -> LossWatch:
        watch = LossWatch(2.0, float, str)
        state = type("State", (), {"global_step": 0})()
        for loss in losses:
            watch.add(1, torch.tensor(loss))
            watch.on_pre_optimizer_step(None, state, None)
        return watch

    calm = watching([3.0 + 0.01 * (n % 5) for n in range(100)])
    assert calm.limit == pytest.approx(5.02, abs=0.01)
    assert watching([9.0] * 19).limit == float("inf")
    noisy = watching([3.0 + 0.5 * (n % 5) for n in range(100)])
    assert noisy.limit > 9
    again = LossWatch(2.0, float, str)
    again.restore(json.loads(json.dumps(calm.facts())))
    assert again.limit == calm.limit


def test_processes_go_back_together(prepared: Path, tmp_path: Path) -> None:
    """Also when only one of them has met the loss, and before the others need its gradients."""
    done = package_process.run_on_two_processes(spiking.__file__, prepared, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert [(tmp_path / f"rank{rank}.json").read_text() for rank in range(2)] == ["6", "6"]
    (event,) = [line for line in log(tmp_path / "run") if line.get("event") == "spike"]
    assert event["skipped"] == [spiking.STEP]
    assert losses_of(tmp_path / "run")[spiking.STEP] == 0.0
