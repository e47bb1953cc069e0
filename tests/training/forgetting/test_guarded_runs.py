"""Runs that are guarded: what is measured, when they stop or replay more, and the same when resumed."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import guarded
import package_process
import pytest
import torch
from resumable import checkpoints
from safetensors.torch import load_file
from variations import with_added_tokens, without_head

from mlm_pretrain.config import build_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import load_for_evaluation, score_rows
from mlm_pretrain.evaluation.texts import open_rows
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

KEYS = ("general_before", "general_after", "domain_before", "domain_after", "actions")


def test_measuring_changes_no_bit(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path, capfd: Any
) -> None:
    """With dropout, whose draws would show a generator that was touched. What is measured is what
    `evaluate` measures of the same rows; all of it is in the log, the result and the manifest."""
    plain = {"learning_rate": 1e-3, "steps": 10}
    pretrain(guarded.config(foreign, knowing, tmp_path / "plain", None, **plain))
    guard = guarded.every_four(general, rows=100_000)
    result = pretrain(guarded.config(foreign, knowing, tmp_path / "run", guard, **plain))
    assert guarded.weights(tmp_path / "run") == guarded.weights(tmp_path / "plain")
    names = ("optimizer", "generators-0")
    for name in names:
        files = [tmp_path / r / "checkpoint-10" / f"{name}.safetensors" for r in ("run", "plain")]
        assert files[0].read_bytes() == files[1].read_bytes()
    told = result["forgetting"]
    assert [measure["step"] for measure in told["measures"]] == [0, 4, 8, 10]
    for folder, end in ((knowing, "before"), (tmp_path / "run" / "model", "after")):
        model, tokenizer, objective = load_for_evaluation(folder)
        for data, text in ((general, "general"), (foreign, "domain")):
            rows = open_rows(data, tokenizer, model.config, None)
            assert rows.split == "validation"
            vocabulary = read_vocabulary(tokenizer)
            how = {"precision": "fp32", "batch_size": 8}
            found = score_rows(model, rows, objective, vocabulary, **how)["loss_nats"]
            assert told[f"{text}_{end}"] == pytest.approx(found, rel=1e-6)
    assert told["rise"] == pytest.approx(told["general_after"] / told["general_before"] - 1)
    assert told["domain_after"] < told["domain_before"]
    manifest = read_manifest(tmp_path / "run", "pretrain")
    assert manifest.counts["forgetting"] == told
    assert manifest.inputs["guard"]["xxh3_128"] == read_manifest(general, "prepare").content_hash
    lines = guarded.measured(tmp_path / "run")
    assert [line["step"] for line in lines] == [0, 4, 8, 10]
    assert lines[-1]["general"] == told["general_after"]
    assert "forgetting at step 8" in capfd.readouterr().err


def test_it_warns_once(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path, capfd: Any
) -> None:
    guard = guarded.every_four(general)
    told = pretrain(guarded.config(foreign, knowing, tmp_path / "run", guard))["forgetting"]
    over = [measure["step"] for measure in told["measures"] if measure["rise"] > 0.02]
    assert len(over) > 1 and told["actions"] == [{"step": over[0], "action": "warn"}]
    err = capfd.readouterr().err
    assert err.count("over the tolerance of 2.00%") == 1 and "mix general text in" in err


def test_it_stops_with_the_last_weights_within_the_bound(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    """They are kept beside newer checkpoints; killed before they were written, it goes no further."""
    run = tmp_path / "run"
    guard = guarded.every_four(general, action="stop", tolerance=0.08)
    config = guarded.config(foreign, knowing, run, guard)
    result = pretrain(config)
    told = result["forgetting"]
    kept, stopped = result["weights_step"], result["steps"]
    assert 0 < kept == stopped - 4 < 20
    assert told["actions"] == [{"step": stopped, "action": "stop", "kept_step": kept}]
    assert told["measures"][-1]["rise"] > 0.08 >= told["rise"]
    assert [path.name for path in checkpoints(run)] == [
        f"checkpoint-{n}" for n in (kept, stopped - 1, stopped)
    ]
    best = (run / f"checkpoint-{kept}" / "model.safetensors").read_bytes()
    assert guarded.weights(run) == best
    for name in ("manifest.json", "metrics.json"):
        (run / name).unlink()
    shutil.rmtree(run / "model")
    again = pretrain(config, resume=True)
    assert [again["forgetting"][key] for key in KEYS] == [told[key] for key in KEYS]
    assert (again["steps"], again["weights_step"]) == (stopped, kept)
    assert guarded.weights(run) == best


def test_where_no_step_was_within_the_bound_the_model_is_the_checkpoint(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    """And a run that follows begins with it, and with an optimiser of its own."""
    guard = guarded.every_four(general, action="stop", tolerance=0.0, every_steps=12)
    result = pretrain(guarded.config(foreign, knowing, tmp_path / "run", guard))
    assert result["weights_step"] == 0 and result["steps"] == 12
    assert result["forgetting"]["rise"] == 0.0
    before = load_file(knowing / "model.safetensors")
    after = load_file(tmp_path / "run" / "model" / "model.safetensors")
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    own = {
        "data": str(foreign),
        "follows": str(tmp_path / "run"),
        "steps": 1,
        "learning_rate": 1e-12,
    }
    on = PretrainConfig(**{**guarded.SETTINGS, **own, "out": str(tmp_path / "on")})
    pretrain(on)
    assert read_manifest(on.out, "pretrain").config["optimizer_state"] == "fresh"
    followed = load_file(tmp_path / "on" / "model" / "model.safetensors")
    for name, weight in before.items():
        torch.testing.assert_close(followed[name], weight, atol=1e-6, rtol=1e-5)
    carried = {"out": str(tmp_path / "not"), "optimizer_state": "carried"}
    with pytest.raises(InputError, match="optimizer_state: fresh"):
        pretrain(on.model_copy(update=carried))


@pytest.mark.fault("killed-mid-step")
def test_more_replay_and_the_same_when_killed(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path, capfd: Any
) -> None:
    """Raised by measurements, bounded, held from eight steps on, and taken up again by a resumed run; with
    batches made ahead by two processes."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    guard = guarded.every_four(
        general, action="replay", replay_step=0.25, replay_most=0.4, tolerance=0.01
    )
    own: dict[str, Any] = {
        "replay": {"data": str(general), "share": 0.0}, "steps": 36, "workers": 2, "guard": guard,
    }  # fmt: skip
    result = pretrain(guarded.config(foreign, knowing, whole, **own))
    raises = [one for one in result["forgetting"]["actions"] if one["action"] == "replay"]
    assert [one["share"] for one in raises] == [0.25, 0.4]
    assert all(one["from_step"] == one["step"] + 8 for one in raises)
    assert raises[1]["step"] >= raises[0]["from_step"]
    first, second = (one["from_step"] for one in raises)
    expected = int(0.25 * 8 * (second - first)) + int(0.4 * 8 * (36 - second) + 1e-9)
    assert result["replay"]["rows"] == expected and result["replay"]["share_at_end"] == 0.4
    shown = ["loss_replay" in line for line in guarded.log(whole) if "loss" in line]
    assert not any(shown[:first]) and any(shown[first:])
    settings = {**guarded.SETTINGS, **own}
    words = ["-m", "mlm_pretrain", "pretrain", "--data", str(foreign), "--init", str(knowing)]
    words += ["--out", str(run)]
    words += [f"--set=pretrain.{name}={json.dumps(value)}" for name, value in settings.items()]

    def ready() -> bool:  # between the first raise and the second
        found = checkpoints(run)
        return bool(found) and int(found[-1].name.split("-")[1]) > raises[0]["step"]

    assert package_process.signal_when(words, ready, signal.SIGKILL).returncode == -signal.SIGKILL
    done = package_process.call_verb(capfd, "pretrain", "--out", run, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert guarded.weights(run) == guarded.weights(whole)
    assert guarded.measured(run) == guarded.measured(whole)
    again = json.loads(done.stdout)
    assert again["replay"] == result["replay"]
    assert [again["forgetting"][key] for key in KEYS] == [result["forgetting"][key] for key in KEYS]


def test_that_checkpoint_is_saved_with_the_head_it_began_with(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    headless, run = without_head(knowing, tmp_path / "headless"), tmp_path / "run"
    guard = guarded.every_four(general, action="stop", tolerance=0.0, rows=100_000)
    result = pretrain(guarded.config(foreign, headless, run, guard, learning_rate=1.0))
    assert result["weights_step"] == 0
    model, tokenizer, objective = load_for_evaluation(run / "model")
    rows, how = open_rows(general, tokenizer, model.config, None), {"precision": "fp32"}
    found = score_rows(model, rows, objective, read_vocabulary(tokenizer), batch_size=8, **how)
    assert found["loss_nats"] == pytest.approx(result["forgetting"]["general_after"], rel=1e-6)


def test_a_fresh_head_is_measured_once_it_has_learnt(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    """From a checkpoint without a head; and killed before that, it is measured there all the same."""
    headless = without_head(knowing, tmp_path / "headless")
    guard, run = guarded.every_four(general), tmp_path / "run"
    own = {"steps": 8, "head_warmup_share": 0.25, "keep_checkpoints": 9}
    config = guarded.config(foreign, headless, run, guard, **own)
    told = pretrain(config)["forgetting"]
    assert [measure["step"] for measure in told["measures"]] == [2, 4, 8]
    assert told["before_step"] == 2 and told["measures"][0]["rise"] == 0.0
    for path in (run / "model", *checkpoints(run)[1:]):
        shutil.rmtree(path)
    (run / "manifest.json").unlink()
    again = pretrain(config, resume=True)["forgetting"]
    assert again["measures"] == told["measures"]
    own = {"steps": 8, "head_warmup_share": 0.0, "learning_rate": 1e-3}
    told = pretrain(guarded.config(foreign, headless, tmp_path / "at-once", guard, **own))[
        "forgetting"
    ]
    assert [(m["step"], m["rise"], m["against_step"]) for m in told["measures"]] == [
        (step, 0.0, step) for step in (0, 4, 8)
    ]
    assert told["general_after"] < told["general_before"]


@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_bits_for_each_byte_where_tokens_were_added(
    objective: str, foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    """Of the checkpoint with the old pieces, of the model before it learns, and after."""
    init = knowing
    if objective == "clm":
        own = {"arch": "gpt2:2x64", "steps": 2, "objective": "clm", "batch_size": 4}
        places = {"data": str(general), "out": str(tmp_path / "first"), "precision": "fp32"}
        pretrain(PretrainConfig(**places, **own))
        from mlm_pretrain.export import export

        export(tmp_path / "first", tmp_path / "decoder")
        init = tmp_path / "decoder"
    data = with_added_tokens(foreign, tmp_path / "data", [40, 41])
    guard = guarded.every_four(general)
    own = {"steps": 4, "objective": objective, "learning_rate": 1e-3}
    told = pretrain(guarded.config(data, init, tmp_path / "run", guard, **own))["forgetting"]
    bits = told["bits_per_byte"]
    assert bits.keys() == {"general", "domain"}
    for text in bits.values():
        assert list(text) == ["checkpoint", "before", "after"]
        assert all(0 < value < 20 for value in text.values())
        assert text["checkpoint"] != text["before"]
    assert bits["domain"]["after"] < bits["domain"]["before"]


def test_resumed_with_another_guard_it_is_refused(
    foreign: Path, general: Path, knowing: Path, tmp_path: Path
) -> None:
    run, guard = tmp_path / "run", guarded.every_four(general)
    pretrain(guarded.config(foreign, knowing, run, guard, steps=4))
    (run / "manifest.json").unlink()
    other = guarded.every_four(general, tolerance=0.5)
    with pytest.raises(InputError, match=r"guard: {.*'tolerance': 0.02.*→ {.*'tolerance': 0.5"):
        pretrain(guarded.config(foreign, knowing, run, other, steps=4), resume=True)
    moved = Path(shutil.copytree(general, tmp_path / "moved"))
    pretrain(guarded.config(foreign, knowing, run, guarded.every_four(moved), steps=4), resume=True)
    before, now = (read_manifest(data, "prepare").content_hash for data in (general, foreign))
    (run / "manifest.json").unlink()
    with pytest.raises(InputError, match=f"guard: content {before} → {now}"):
        other = guarded.every_four(foreign)
        pretrain(guarded.config(foreign, knowing, run, other, steps=4), resume=True)


def test_what_cannot_be_guarded(
    corpus_file: Path, foreign: Path, general: Path, knowing: Path, prepared: Path,
    tokenizer_folders: dict[str, Path], tmp_path: Path,
) -> None:  # fmt: skip
    def refused(guard: dict[str, Any], **changes: Any) -> str:
        with pytest.raises(InputError) as caught:
            pretrain(guarded.config(foreign, knowing, tmp_path / "run", guard, **changes))
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    settings = PrepareConfig(max_length=64, processes=1, validation_share=0.0)
    prepare([str(corpus_file)], tokenizer_folders["bpe"], tmp_path / "bpe", settings)
    assert "was prepared with tokenizer" in refused({"data": str(tmp_path / "bpe")})
    prepare([str(corpus_file)], tokenizer_folders["wordpiece"], tmp_path / "one", settings)
    replay = {"data": str(tmp_path / "one"), "share": 0.1}
    said = refused({"data": str(tmp_path / "one")}, replay=replay)
    assert "no validation split, and its rows are replayed" in said
    said = refused({"data": str(general)}, objective="replaced")
    assert "predicts no tokens of a text" in said
    values: list[dict[str, Any]] = [
        {"guard": {"data": "x"}}, {"guard": {"data": "x", "action": "replay"}, "init": "y"},
        {"guard": {"data": "x", "times": 3, "every_steps": 4}, "init": "y"},
        {"guard": {"data": "x", "replay_step": 0.3}, "init": "y"},
        {"guard": {"data": "x", "action": "stop"}, "init": "y",
         "probes": {"tasks": {"a": "b"}, "keep_best": "linear"}},
    ]  # fmt: skip
    for value in values:
        with pytest.raises(InputError):
            build_config(PretrainConfig, value, "flags")
