"""Runs in which not all weights learn, or not all alike: which change, when, and the same when resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import learned
import numpy as np
import package_process
import pytest
import torch
from resumable import checkpoints, unfinished_copy
from transformers import AutoTokenizer
from variations import FIRST_ADDED

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

OLD, NEW = slice(0, FIRST_ADDED), slice(FIRST_ADDED, None)
HEAD = {"head.dense.weight", "head.norm.weight", "decoder.bias"}


def resumed(run: Path, out: Path, step: int, config: PretrainConfig) -> Path:
    """`run` as it was killed after `step`, and trained to its end again."""
    copy = unfinished_copy(run, out)
    for checkpoint in checkpoints(copy):
        if int(checkpoint.name.split("-")[1]) > step:
            shutil.rmtree(checkpoint)
    pretrain(config.model_copy(update={"out": str(copy)}), resume=True)
    return copy


def same(run: Path, other: Path, *names: str) -> bool:
    """Whether both ended with the same bits: weights, and what the optimiser knows."""
    files = ["model/model.safetensors", "checkpoint-4/optimizer.safetensors", *names]
    return all((run / name).read_bytes() == (other / name).read_bytes() for name in files)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_fresh_head_and_added_tokens_learn_first(
    optimizer: str, extended: Path, headless: Path, tmp_path: Path
) -> None:
    """In the first half of the run; resumed within it and behind it to the same bits."""
    run = tmp_path / "run"
    config = learned.config(
        extended, headless, run, head_warmup_share=0.5, new_rows_rate=3.0, optimizer=optimizer
    )
    pretrain(config)
    before = learned.state(headless)
    warm, after = (learned.state(run / f"checkpoint-{step}") for step in (2, 4))
    assert learned.changed(before, warm) == {learned.TABLE}
    assert torch.equal(warm[learned.TABLE][OLD], before[learned.TABLE][OLD])
    assert not torch.isclose(warm[learned.TABLE][NEW], before[learned.TABLE][NEW]).all(1).any()
    first = learned.state(run / "checkpoint-1")
    assert learned.changed(first, warm) == {learned.TABLE, *HEAD}
    assert learned.changed(warm, after) == set(after)
    assert not torch.isclose(after[learned.TABLE][OLD], warm[learned.TABLE][OLD]).all(1).any()
    for step in (1, 3):
        assert same(run, resumed(run, tmp_path / f"from-{step}", step, config))
    with pytest.raises(InputError, match=r"new_rows_rate: 3.0 → 1.0"):
        other = config.model_copy(update={"new_rows_rate": 1.0})
        resumed(run, tmp_path / "other", 3, other)


def test_without_added_tokens_the_table_waits_too(
    prepared: Path, headless: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    pretrain(learned.config(prepared, headless, run, head_warmup_share=0.5))
    before = learned.state(headless)
    assert learned.changed(before, learned.state(run / "checkpoint-2")) == set()
    assert learned.changed(before, learned.state(run / "checkpoint-3")) == set(before)


def test_the_rate_of_added_tokens(extended: Path, tiny_model: Path, tmp_path: Path) -> None:
    """After one step every other weight is the same to the bit, and their rows went ten times as far."""
    ends = {}
    for rate in (1.0, 10.0):
        run = tmp_path / f"{rate}"
        settings = {"steps": 1, "new_rows_rate": rate, "dropout": 0.0}
        pretrain(learned.config(extended, tiny_model, run, **settings))
        ends[rate] = learned.state(run / "model")
    before = learned.state(tiny_model)
    names = {name for name, weight in before.items() if len(weight) == 2000}
    assert learned.changed(ends[1.0], ends[10.0]) == names == {learned.TABLE, "decoder.bias"}
    for name in names:
        assert torch.equal(ends[1.0][name][OLD], ends[10.0][name][OLD])
        moved = [ends[rate][name][NEW] - before[name][NEW] for rate in (1.0, 10.0)]
        assert (moved[0].abs() > 1e-5).float().mean() > 0.99
        torch.testing.assert_close(moved[1], 10 * moved[0], atol=2e-7, rtol=1e-3)


def test_a_head_that_was_lacked_begins_with_how_frequent_tokens_are(
    prepared: Path, headless: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """One step at a rate of nearly nothing leaves the start visible; a head that is there keeps its own."""

    def numbers(init: Path, start: str) -> torch.Tensor:
        run = tmp_path / f"{init.parent.name}-{start}"
        settings = {"steps": 1, "learning_rate": 1e-9, "start": start}
        pretrain(learned.config(prepared, init, run, **settings))
        return learned.state(run / "model")["decoder.bias"]

    ids = np.concatenate([row["input_ids"] for row in PackedDataset(prepared, "train")])
    counts = np.bincount(ids, minlength=2000) + 1.0
    special = AutoTokenizer.from_pretrained(prepared / "tokenizer").all_special_ids
    counts[special] = 1
    expected = torch.from_numpy(np.log(counts) - np.log(counts).mean()).float()
    torch.testing.assert_close(numbers(headless, "informed"), expected, atol=1e-5, rtol=0)
    assert numbers(headless, "random").abs().max() < 1e-6
    own = learned.state(tiny_model)["decoder.bias"]
    torch.testing.assert_close(numbers(tiny_model, "informed"), own, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layers", ["last:1", [1]])
def test_chosen_layers_learn(
    layers: Any, prepared: Path, extended: Path, tiny_model: Path, tmp_path: Path
) -> None:
    before = learned.state(tiny_model)
    trains = {"layers": layers, "embeddings": False}
    pretrain(learned.config(prepared, tiny_model, tmp_path / "run", trains=trains))
    last = {n for n in before if n.startswith("model.layers.1.")}
    behind = {n for n in before if not n.startswith(("model.layers.", "model.embeddings."))}
    after = learned.state(tmp_path / "run" / "model")
    assert learned.changed(before, after) == last | behind and last and behind
    # With added tokens their rows learn all the same, and no other row of the table.
    config = learned.config(extended, tiny_model, tmp_path / "added", trains=trains)
    pretrain(config)
    after = learned.state(tmp_path / "added" / "model")
    assert learned.changed(before, after) == last | behind | {learned.TABLE}
    assert torch.equal(after[learned.TABLE][OLD], before[learned.TABLE][OLD])
    assert same(tmp_path / "added", resumed(tmp_path / "added", tmp_path / "again", 2, config))


def test_settings_that_cannot_be(prepared: Path, tiny_model: Path, tmp_path: Path) -> None:
    def refused(**settings: Any) -> str:
        with pytest.raises(InputError) as caught:
            pretrain(learned.config(prepared, tiny_model, tmp_path / "run", **settings))
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    assert "layers: last:3 reaches to layer -1" in refused(trains={"layers": "last:3"})
    assert "the model has 2: 0 to 1" in refused(trains={"layers": [1, 2]})
    assert "has no extension.json, so no token was added" in refused(new_rows_rate=2.0)
    values: list[dict[str, Any]] = [
        {"trains": {"layers": "first:2"}}, {"trains": {"layers": [-1]}}, {"new_rows_rate": 0.0},
        {"lora": {}}, {"lora": {"name": "a/b"}, "init": "x"}, {"lora": {"name": "lora"}, "init": "x"},
        {"lora": {}, "init": "x", "trains": {"embeddings": False}},
    ]  # fmt: skip
    for value in values:
        with pytest.raises(InputError):
            build_config(PretrainConfig, value, "flags")


def test_a_damaged_extension_is_named(extended: Path, tiny_model: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(extended, tmp_path / "data"))
    path = data / "tokenizer" / "extension.json"
    said = json.loads(path.read_text("utf-8"))
    del said["pieces"]["1950"]
    for content in ("{}", "[", json.dumps(said)):
        path.write_text(content, "utf-8")
        with pytest.raises(InputError, match=r"extension\.json"):
            pretrain(learned.config(data, tiny_model, tmp_path / "run"))


def test_two_processes_change_the_same(extended: Path, headless: Path, tmp_path: Path) -> None:
    """A low-rank change, added tokens at their rate, and the head first."""
    own: dict[str, Any] = {
        "lora": {"rank": 4}, "head_warmup_share": 0.5, "new_rows_rate": 2.0, "dropout": 0.0,
    }  # fmt: skip
    alone = tmp_path / "alone"
    pretrain(learned.config(extended, headless, alone, **own))
    settings = {**learned.SETTINGS, **own, "batch_size": 4}
    words: list[object] = ["pretrain", "--data", extended, "--init", headless]
    words += ["--out", tmp_path / "run", "--json"]
    words += [f"--set=pretrain.{name}={json.dumps(value)}" for name, value in settings.items()]
    done = package_process.run_on_two_processes("-m", "mlm_pretrain", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    names = ("loss", "grad_norm")
    logs = [
        [[json.loads(line)[n] for n in names] for line in (run / "log.jsonl").open()]
        for run in (tmp_path / "run", alone)
    ]
    assert len(logs[0]) == 4
    for ours, theirs in zip(*logs, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    ends = [learned.state(run / "model") for run in (tmp_path / "run", alone)]
    for name, weight in ends[0].items():
        torch.testing.assert_close(weight, ends[1][name], atol=2e-4, rtol=1e-3)
