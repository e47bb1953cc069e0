"""Runs with other text mixed in: what is shown and counted, stopped and resumed, shared out and refused."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import package_process
import pytest
import torch
from hungry_batches import hungry
from resumable import FLAGS, checkpoints, config, unfinished_copy, weights

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
from mlm_pretrain.training.assembling import assemble, build_trainer
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.replay.reading import SOURCES

SHARE = 0.25
SIX = {"steps": 6, "keep_checkpoints": 6, "checkpoint_minutes": 1e-6}


def mixed(data: Path, general: Path, out: Path, **changes: Any) -> PretrainConfig:
    replay = {"data": str(general), "share": SHARE}
    return config(data, out, **{"replay": replay, **changes})


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").open(encoding="utf-8")]


def texts_of(data: Path) -> set[bytes]:
    return {row["input_ids"].tobytes() for row in _rows(data)}


def _rows(data: Path) -> Iterator[Any]:
    rows = PackedDataset(data, "train")
    return (rows[n] for n in range(len(rows)))


@pytest.fixture(scope="module")
def six_mixed(prepared: Path, general: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of six steps with all its checkpoints."""
    out = tmp_path_factory.mktemp("mixed") / "run"
    pretrain(mixed(prepared, general, out, **SIX))
    return out


@pytest.mark.parametrize("objective", ["mlm", "clm", "hybrid"])
def test_rows_tokens_and_losses_of_either_text(
    objective: str, prepared: Path, general: Path, tmp_path: Path
) -> None:
    """As the batches have them; and the losses apart, each with its predicted tokens, are the loss."""
    arch = {"clm": "gpt2:2x64"}.get(objective, "bert:2x64")
    settings = {"objective": objective, "arch": arch, "steps": 4, "dropout": 0.0}
    materials = assemble(mixed(prepared, general, tmp_path / "run", **settings))
    trainer: Any = build_trainer(materials)
    of_text, rows, tokens = (texts_of(prepared), texts_of(general)), [0, 0], [0, 0]
    predicted: dict[int, list[int]] = {}
    plain = trainer.compute_loss

    def watched(model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        labels, ids = inputs["labels"], inputs["input_ids"]
        text = ids if objective == "clm" else torch.where(labels == -100, ids, labels)
        sizes = (inputs["segment_ids"] > 0).sum(1)
        counts = predicted.setdefault(trainer.state.global_step + 1, [0, 0])
        for row, (is_replay, said) in enumerate(inputs[SOURCES].tolist()):
            if objective != "hybrid":  # whose labels stand one place earlier in some rows
                assert text[row, : sizes[row]].numpy().tobytes() in of_text[is_replay]
            assert said == sizes[row]
            rows[is_replay] += 1
            tokens[is_replay] += said
            positions, _ = trainer.objective.predicted_positions(labels[row][None])
            counts[is_replay] += len(positions)
        return plain(model, inputs, *given, **named)

    trainer.compute_loss = watched
    trainer.train()
    assert rows == [96, 32] and sum(tokens) == trainer.tokens_seen
    replay = trainer.replay
    assert (replay.rows, replay.replay_rows, replay.replay_tokens) == (128, 32, tokens[1])
    lines = [line for line in trainer.state.log_history if "loss" in line]
    for line in lines:
        own, other = predicted[line["step"]]
        apart = (own * line["loss_domain"] + other * line["loss_replay"]) / (own + other)
        assert line["loss_domain"] != line["loss_replay"]
        assert line["replay_rows"] == 8 * line["step"]
        if objective != "hybrid":  # which weighs its two ways by rows
            assert line["loss"] == pytest.approx(apart, rel=1e-6)
    assert len(lines) == 4


def test_a_share_of_nothing_changes_nothing(
    prepared: Path, general: Path, six_steps: Path, tmp_path: Path
) -> None:
    replay = {"data": str(general), "share": 0.0}
    result = pretrain(config(prepared, tmp_path / "run", steps=6, replay=replay))
    assert weights(tmp_path / "run") == weights(six_steps)
    assert result["replay"]["rows"] == 0 and result["replay"]["domain_tokens"] == result["tokens"]


def test_an_epoch_is_of_the_own_rows(prepared: Path, general: Path, tmp_path: Path) -> None:
    rows = len(PackedDataset(general, "train"))
    settings = {"steps": None, "epochs": 2.0, "batch_size": 64, "accumulation": 1}
    result = pretrain(mixed(general, prepared, tmp_path / "run", arch="bert:2x64", **settings))
    told = result["replay"]
    assert told["domain_rows"] == 2 * rows and result["epochs"] == 2.0
    assert told["rows"] == pytest.approx(2 * rows * SHARE / (1 - SHARE), abs=2)
    assert told["times_seen"] == pytest.approx(
        told["rows"] / len(PackedDataset(prepared, "train")), abs=1e-3
    )
    assert told["tokens"] + told["domain_tokens"] == result["tokens"]
    manifest = read_manifest(tmp_path / "run", "pretrain")
    assert manifest.counts["replay"] == told
    assert manifest.inputs["replay"]["xxh3_128"] == read_manifest(prepared, "prepare").content_hash


def test_a_plan_counts_them(prepared: Path, general: Path, tmp_path: Path) -> None:
    planned = plan(mixed(prepared, general, tmp_path / "run", steps=10))
    rows = len(PackedDataset(prepared, "train"))
    assert planned["replay_rows"] == len(PackedDataset(general, "train"))
    assert planned["epochs"] == pytest.approx(320 * (1 - SHARE) / rows, abs=0.01)


@pytest.mark.fault("killed-mid-step")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_and_resumed_to_the_same_bits(
    number: signal.Signals, prepared: Path, general: Path, tmp_path: Path, capfd: Any
) -> None:
    """With batches made ahead by two processes, and more replay than there is other text."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    pretrain(mixed(prepared, general, whole, checkpoint_minutes=10.0))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in FLAGS.items()]
    words = ["-m", "mlm_pretrain", "pretrain", "--data", str(prepared), "--out", str(run), *flags]
    words += ["--workers", "2", "--set", "pretrain.log_every=1"]
    words += ["--set", f"pretrain.replay.data={general}", "--set", f"pretrain.replay.share={SHARE}"]

    def ready() -> bool:
        return any(int(path.name.split("-")[1]) >= 5 for path in checkpoints(run))

    code = package_process.signal_when(words, ready, number).returncode
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    done = package_process.call_verb(capfd, "pretrain", "--out", run, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert weights(run) == weights(whole)
    names = ("step", "loss", "loss_domain", "loss_replay", "tokens")
    assert [[line[n] for n in names] for line in log(run)] == [
        [line[n] for n in names] for line in log(whole)
    ]
    told = [read_manifest(out, "pretrain").counts["replay"] for out in (run, whole)]
    assert told[0] == told[1] and told[0]["rows"] == 240


def test_resumed_with_other_replay_it_is_refused(
    prepared: Path, general: Path, six_mixed: Path, tmp_path: Path
) -> None:
    run = unfinished_copy(six_mixed, tmp_path / "run")
    with pytest.raises(InputError, match=r"replay: {'share': 0.25} → {'share': 0.5}"):
        other = {"data": str(general), "share": 0.5}
        pretrain(config(prepared, run, **SIX, replay=other), resume=True)
    with pytest.raises(InputError, match=r"replay: {'share': 0.25} → None"):
        pretrain(config(prepared, run, **SIX), resume=True)
    before = read_manifest(general, "prepare").content_hash
    now = read_manifest(prepared, "prepare").content_hash
    with pytest.raises(InputError, match=f"replay: content {before} → {now}"):
        pretrain(mixed(prepared, prepared, run, **SIX), resume=True)
    gone = {"data": str(tmp_path / "gone"), "share": SHARE}
    with pytest.raises(InputError, match=r"gone: the data of this run[\s\S]*pretrain.replay.data="):
        pretrain(config(prepared, run, **SIX, replay=gone), resume=True)


def test_where_the_other_text_was_moved(
    prepared: Path, general: Path, six_mixed: Path, tmp_path: Path
) -> None:
    run = unfinished_copy(six_mixed, tmp_path / "run")
    for checkpoint in checkpoints(run)[2:]:
        shutil.rmtree(checkpoint)
    moved = Path(shutil.copytree(general, tmp_path / "moved"))
    pretrain(mixed(prepared, moved, run, **SIX), resume=True)
    assert weights(run) == weights(six_mixed)


@pytest.mark.fault("tokenizer-mismatch")
def test_text_of_another_tokenizer_is_refused_with_both_hashes(
    corpus_file: Path, prepared: Path, tokenizer_folders: dict[str, Path], tmp_path: Path
) -> None:
    settings = PrepareConfig(max_length=64, processes=1)
    prepare([str(corpus_file)], tokenizer_folders["bpe"], tmp_path / "bpe", settings)
    with pytest.raises(InputError) as caught:
        pretrain(mixed(prepared, tmp_path / "bpe", tmp_path / "run", steps=2))
    hashes = [word for word in caught.value.problem.replace(",", "").split() if len(word) == 32]
    assert len(set(hashes)) == 2 and not (tmp_path / "run").exists()


def test_begun_again_for_want_of_memory(
    prepared: Path, general: Path, six_mixed: Path, tmp_path: Path, capfd: Any
) -> None:
    """From the checkpoint, which remembers how many rows were shown until then."""
    run = unfinished_copy(six_mixed, tmp_path / "run")
    for checkpoint in checkpoints(run)[3:]:
        shutil.rmtree(checkpoint)
    with pytest.MonkeyPatch.context() as patch:
        hungry(8, from_step=5, monkeypatch=patch)
        told = pretrain(mixed(prepared, general, run, **SIX), resume=True)["replay"]
    assert "out of memory with 16 rows at a time: again" in capfd.readouterr().err
    assert told == read_manifest(six_mixed, "pretrain").counts["replay"]


def test_settings_that_cannot_be() -> None:
    def refusal(**values: Any) -> str:
        with pytest.raises(InputError) as error:
            build_config(PretrainConfig, values, "flags")
        return str(error.value)

    assert "leave out curriculum or replay" in refusal(replay={"data": "x"}, curriculum={})
    assert "replay.share" in refusal(replay={"data": "x", "share": 1.0})
    assert "replay.data" in refusal(replay={"share": 0.1})


def test_two_processes_show_the_same_rows_in_each_step(
    prepared: Path, general: Path, tmp_path: Path
) -> None:
    """And after a resume by one process alone, which keeps the rows of a step."""
    out, alone = tmp_path / "run", tmp_path / "alone"
    words = ["pretrain", "--data", prepared, "--out", out, "--arch", "bert:2x64", "--steps", 6]
    words += ["--batch-size", 4, "--precision", "fp32", "--set", "pretrain.log_every=1"]
    words += ["--set", f"pretrain.replay.data={general}", "--set", "pretrain.replay.share=0.3"]
    words += ["--checkpoint-minutes", 1e-6, "--set", "pretrain.keep_checkpoints=6", "--json"]
    done = package_process.run_on_two_processes("-m", "mlm_pretrain", *words)
    assert done.returncode == 0, done.stderr[-3000:]
    settings = {
        "arch": "bert:2x64", "steps": 6, "precision": "fp32", "log_every": 1,
        "replay": {"data": str(general), "share": 0.3}, "keep_checkpoints": 6,
        "checkpoint_minutes": 1e-6, "data": str(prepared),
    }  # fmt: skip
    pretrain(PretrainConfig(out=str(alone), batch_size=8, **settings))
    told = [read_manifest(run, "pretrain").counts["replay"] for run in (out, alone)]
    assert told[0] == told[1] and told[0]["rows"] == 14
    names = ("loss", "loss_domain", "loss_replay", "grad_norm")
    for ours, theirs in zip(log(out), log(alone), strict=True):
        assert ours["tokens"] == theirs["tokens"]
        assert [ours[n] for n in names] == pytest.approx([theirs[n] for n in names], rel=1e-4)
    for path in (out / "model", *checkpoints(out)[3:]):
        shutil.rmtree(path)
    for name in ("manifest.json", "metrics.json"):
        (out / name).unlink()
    resumed = pretrain(PretrainConfig(out=str(out), batch_size=4, **settings), resume=True)
    assert resumed["replay"] == told[1]
    for ours, theirs in zip(log(out), log(alone), strict=True):
        assert [ours[n] for n in names] == pytest.approx([theirs[n] for n in names], rel=1e-4)
