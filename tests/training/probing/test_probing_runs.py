"""Runs that are probed while they train: the same weights, and what is said, kept and stopped."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import package_process
import pytest
import torch
from resumable import FLAGS, checkpoints, config, weights

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.training.callbacks import probing as callback
from mlm_pretrain.training.pretrain import Interrupted, pretrain
from mlm_pretrain.training.probing.standing import Collapsed, Standing

Scores = Callable[[int], dict[str, float]]
SOME = {"rows": 24, "validation_rows": 24, "shape_texts": 32, "budget_share": 1.0}


def probed(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    return [line["probes"] for line in lines if "probes" in line]


def losses(out: Path) -> list[tuple[int, float]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


def test_probing_changes_no_bit(
    prepared: Path, task: Path, blimp: Path, six_steps: Path, tmp_path: Path, capfd: Any
) -> None:
    """With dropout, whose draws would show a generator that was touched."""
    probes = {"every": 2, "tasks": [str(task)], "blimp": str(blimp), "pairs": 2, **SOME}
    result = pretrain(
        config(prepared, tmp_path / "run", steps=6, keep_checkpoints=3, probes=probes)
    )
    assert weights(tmp_path / "run") == weights(six_steps)
    assert losses(tmp_path / "run") == losses(six_steps)
    for name in ("optimizer", "generators-0"):
        files = [
            out / "checkpoint-6" / f"{name}.safetensors" for out in (tmp_path / "run", six_steps)
        ]
        assert files[0].read_bytes() == files[1].read_bytes()
    found = probed(tmp_path / "run")
    assert [line["step"] for line in found] == [0, 2, 4, 6]
    assert list(found[-1]["scores"]) == [
        "words/linear", "words/neighbours", "linear", "neighbours", "blimp", "effective_rank",
        "mean_cosine", "uniformity", "alignment",
    ]  # fmt: skip
    told = result["probes"]
    assert told["probings"] == 4 and told["scores"] == found[-1]["scores"]
    assert 0 < told["seconds"] < result["seconds"] and 0 < told["share_of_time"] < 1
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))
    assert manifest["counts"]["probes"] == told
    err = capfd.readouterr().err
    change = found[-1]["scores"]["effective_rank"] - found[-2]["scores"]["effective_rank"]
    assert f"({change:+.1f})" in err.split("probes at step 6")[1]


def test_killed_and_resumed_with_probes(
    prepared: Path, task: Path, six_steps: Path, tmp_path: Path, capfd: Any
) -> None:
    """Killed as a process after its fourth step or later; the log then has each probing once."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    probes = {"every": 5, "tasks": {"words": str(task)}, "keep_best": "linear", **SOME}
    pretrain(config(prepared, whole, probes=probes))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in FLAGS.items()]
    words = ["-m", "mlm_pretrain", "pretrain", "--data", str(prepared), "--out", str(run), *flags]
    words += ["--probe", f"words={task}", "--set", "pretrain.log_every=1"]
    words += [f"--set=pretrain.probes.{k}={v}" for k, v in probes.items() if k != "tasks"]

    def ready() -> bool:
        return any(int(path.name.split("-")[1]) >= 5 for path in checkpoints(run))

    assert package_process.signal_when(words, ready, signal.SIGKILL).returncode == -signal.SIGKILL
    done = package_process.call_verb(capfd, "pretrain", "--out", run, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert weights(run) == weights(whole)
    found = [[{**x, "seconds": 0} for x in probed(out)] for out in (run, whole)]
    assert found[0] == found[1]
    assert [line["step"] for line in found[0]] == list(range(0, 31, 5))
    best = [
        json.loads((out / "manifest.json").read_text())["counts"]["probes"]["best"]
        for out in (run, whole)
    ]
    assert best[0] == best[1]


def told_by(monkeypatch: pytest.MonkeyPatch, scores: Scores, seconds: float = 0.01) -> None:
    """Let probes answer what is wanted of each step, in place of what the model would."""
    monkeypatch.setattr(
        callback.ProbingCallback,
        "_scores",
        lambda self: (scores(self.budget_step), seconds),
    )
    plain = callback.ProbingCallback._probe

    def probe(self: Any, args: Any, state: Any, control: Any) -> None:
        self.budget_step = state.global_step
        plain(self, args, state, control)

    monkeypatch.setattr(callback.ProbingCallback, "_probe", probe)


def test_the_best_checkpoint_stays_and_is_what_is_exported(
    prepared: Path, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by(monkeypatch, lambda step: {"linear": {2: 60.0, 3: 80.0, 4: 70.0}.get(step, 50.0)})
    probes = {"every": 1, "tasks": [str(task)], "keep_best": "linear", **SOME}
    run = tmp_path / "run"
    settings = {"steps": 8, "keep_checkpoints": 2, "checkpoint_minutes": 1e-5}
    result = pretrain(config(prepared, run, probes=probes, **settings))
    assert [path.name for path in checkpoints(run)] == [
        "checkpoint-3",
        "checkpoint-7",
        "checkpoint-8",
    ]
    assert result["probes"]["best"] == {"score": "linear", "value": 80.0, "step": 3}
    assert result["weights_step"] == 3
    best = (run / "checkpoint-3" / "model.safetensors").read_bytes()
    assert weights(run) == best != (run / "checkpoint-8" / "model.safetensors").read_bytes()
    export(run, tmp_path / "model")
    from safetensors.torch import load_file

    exported = load_file(tmp_path / "model" / "model.safetensors")
    kept = load_file(run / "checkpoint-3" / "model.safetensors")
    assert all(torch.equal(exported[name], kept[name]) for name in exported)
    # What follows it goes on from the best one, optimiser and all.
    after = pretrain(
        config(prepared, tmp_path / "next", steps=1, arch=None, follows=str(run), seed=4)
    )
    assert after["steps"] == 1


def test_what_an_interruption_saved_stays_beside_the_best(
    prepared: Path, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one checkpoint is to be kept."""

    def scores(step: int) -> dict[str, float]:
        if step == 5:
            signal.raise_signal(signal.SIGINT)
        return {"linear": 80.0 if step == 3 else 50.0}

    told_by(monkeypatch, scores)
    probes = {"every": 1, "tasks": [str(task)], "keep_best": "linear", **SOME}
    settings = config(
        prepared, tmp_path / "run", probes=probes, steps=8, keep_checkpoints=1,
        checkpoint_minutes=10.0,
    )  # fmt: skip
    with pytest.raises(Interrupted) as stopped:
        pretrain(settings)
    step = stopped.value.step
    names = [path.name for path in checkpoints(tmp_path / "run")]
    assert 5 <= step < 8 and names == ["checkpoint-3", f"checkpoint-{step}"]
    assert pretrain(settings, resume=True)["weights_step"] == 3


def test_what_would_take_more_than_its_share_is_left_out(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    told_by(monkeypatch, lambda step: {"effective_rank": 9.0}, seconds=100.0)
    probes = {"every": 1, **SOME, "budget_share": 0.03}
    result = pretrain(config(prepared, tmp_path / "run", steps=2, probes=probes))
    assert result["probes"]["probings"] == 1
    assert "no more probes from step 1 on: another 100.0 s would be more than 3.0%" in (
        capfd.readouterr().err
    )


def test_a_run_without_a_better_score_ends(
    prepared: Path, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    told_by(monkeypatch, lambda step: {"linear": 90.0 - step})
    probes = {"every": 2, "tasks": [str(task)], "keep_best": "linear", "stop_after": 2, **SOME}
    run = tmp_path / "run"
    result = pretrain(config(prepared, run, probes=probes))
    assert result["steps"] == 6
    assert result["weights_step"] == 2
    assert "2 probings without a better linear than 88.0 at step 2" in capfd.readouterr().err
    # Killed before it could write its model, it does not train on.
    for name in ("manifest.json", "metrics.json"):
        (run / name).unlink()
    shutil.rmtree(run / "model")
    again = pretrain(config(prepared, run, probes=probes), resume=True)
    assert again["steps"] == 6
    assert again["probes"]["best"]["step"] == 2


def all_alike(model: Any) -> None:
    """Of every token the same state, whatever it is."""
    with torch.no_grad():
        model.base_model.final_norm.weight.zero_()
        model.base_model.final_norm.bias = torch.nn.Parameter(torch.ones(64))


@pytest.mark.parametrize("on_collapse", ["warn", "stop"])
def test_a_collapse_is_told_and_stops_if_asked(
    on_collapse: str, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """The model's vectors are made constant after its first step."""
    plain = callback.ProbingCallback.on_step_end

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 2:
            all_alike(kwargs["model"])
        plain(self, args, state, control, **kwargs)

    monkeypatch.setattr(callback.ProbingCallback, "on_step_end", on_step_end)
    settings = config(
        prepared, tmp_path / "run", steps=3,
        probes={"every": 1, "on_collapse": on_collapse, **SOME},
    )  # fmt: skip
    message = (
        r"step 2: the representation collapses \(effective rank 1\.0, after \d+\.\d, mean cosine 1"
    )
    if on_collapse == "stop":
        with pytest.raises(Collapsed, match=message):
            pretrain(settings)
        assert [line["step"] for line in probed(tmp_path / "run")] == [0, 1, 2]
        return
    assert pretrain(settings)["steps"] == 3
    err = capfd.readouterr().err
    assert "step 2: the representation collapses" in err
    assert "→ lower the learning rate" in err
    assert "step 1: the representation collapses" not in err


def test_a_best_by_another_score_is_not_taken_up() -> None:
    before, after = Standing("linear", None), Standing("blimp", None)
    before.take(1, {"linear": 90.0, "blimp": 50.0, "effective_rank": 7.0})
    after.restore(before.facts())
    assert (after.best_score, after.highest_rank) == (None, 7.0)
    assert after.take(2, {"linear": 60.0, "blimp": 55.0})


def test_what_counts_as_a_collapse() -> None:
    standing = Standing(None, None)
    standing.take(1, {"effective_rank": 100.0, "mean_cosine": 0.9})
    assert standing.collapse({"effective_rank": 11.0, "mean_cosine": 0.98}) is None
    assert "effective rank 9.0, after 100.0" in str(standing.collapse({"effective_rank": 9.0}))
    assert standing.collapse({"linear": 50.0}) is None


@pytest.mark.parametrize(
    "arch, objective",
    [
        ("gpt2:2x64", "clm"), ("bert:2x64", "hybrid"), ("bert:2x64", "replaced"),
        ("bert:2x64", "contrastive"), ("t5:2x64", "denoising"),
    ],
)  # fmt: skip
def test_every_kind_of_model_is_probed(
    arch: str, objective: str, prepared: Path, task: Path, blimp: Path, tmp_path: Path
) -> None:
    """Minimal pairs only where there is a head that scores sentences."""
    given = {"tasks": [str(task)], **SOME}
    settings = {"arch": arch, "objective": objective, "steps": 1, "optimizer": "adamw"}
    with_pairs = config(
        prepared, tmp_path / "pairs", probes={**given, "blimp": str(blimp)}, **settings
    )
    if objective in ("clm", "hybrid"):
        assert "blimp" in pretrain(with_pairs)["probes"]["scores"]
        return
    with pytest.raises(InputError, match=rf"probes\.blimp: {objective} trains no head"):
        pretrain(with_pairs)
    assert not (tmp_path / "pairs").exists()
    result = pretrain(config(prepared, tmp_path / "run", probes=given, **settings))
    assert {"words/linear", "effective_rank"} <= result["probes"]["scores"].keys()
