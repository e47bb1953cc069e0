"""A stopped run is resumed from what is whole and unchanged, or says why it cannot be."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import package_process
import pytest
from full_disk import full_disk
from resumable import checkpoints, config, unfinished_copy, weights

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.perplexity import score_rows
from mlm_pretrain.evaluation.texts import open_rows
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.training.checkpoints.finding import rotate_checkpoints
from mlm_pretrain.training.occupancy import RUNNING_FILE
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.run_changes import fit_to_processes
from mlm_pretrain.training.run_folder import read_run


def test_stopped_after_its_last_step(prepared: Path, six_steps: Path, tmp_path: Path) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    before = json.loads((six_steps / "manifest.json").read_text("utf-8"))["counts"]
    result = pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    assert weights(run) == weights(six_steps)
    assert result["steps"] == 6
    assert result["tokens"] == before["tokens"]
    assert not (run / "checkpoint-7").exists()


@pytest.mark.fault("disk-full")
def test_a_disk_that_fills_up(prepared: Path, six_steps: Path, tmp_path: Path) -> None:
    run, settings = (
        unfinished_copy(six_steps, tmp_path / "run"),
        {"steps": 6, "keep_checkpoints": 3},
    )
    shutil.rmtree(run / "checkpoint-6")
    with full_disk(), pytest.raises(InputError, match="step 6: its checkpoint cannot be written"):
        pretrain(config(prepared, run, **settings), resume=True)
    assert checkpoints(run)[-1].name == "checkpoint-5"
    pretrain(config(prepared, run, **settings), resume=True)
    assert weights(run) == weights(six_steps)


@pytest.mark.fault("disk-full")
def test_a_disk_that_fills_up_before_the_model_is_written(
    prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    run, settings = (
        unfinished_copy(six_steps, tmp_path / "run"),
        {"steps": 6, "keep_checkpoints": 3},
    )
    with full_disk(), pytest.raises(InputError, match="run: cannot be written further"):
        pretrain(config(prepared, run, **settings), resume=True)
    assert checkpoints(run)[-1].name == "checkpoint-6"
    pretrain(config(prepared, run, **settings), resume=True)
    assert weights(run) == weights(six_steps)


def test_a_finished_run_is_left_alone(prepared: Path, six_steps: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(six_steps, run)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    again = pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    counts = json.loads((run / "manifest.json").read_text("utf-8"))["counts"]
    assert again["steps"] == 6
    assert again["validation"]["loss_nats"] > 0
    assert {**again, **counts} == again
    files = {path for path in before if path.is_file()}
    assert {path: path.stat().st_mtime_ns for path in files} == {p: before[p] for p in files}


def test_no_checkpoint_yet_starts_from_the_beginning(
    prepared: Path, six_steps: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    for checkpoint in run.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    assert "starting from the beginning" in capfd.readouterr().err
    assert weights(run) == weights(six_steps)


@pytest.mark.fault("changed-settings")
def test_changed_settings_are_listed(
    six_steps: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    done = package_process.call_verb(
        capfd, "pretrain", "--out", run, "--resume", "--learning-rate", "0.5", "--minutes", "3"
    )
    assert done.returncode == 2
    assert "learning_rate: 0.002 → 0.5" in done.stderr
    assert "steps: 6 → None" in done.stderr
    assert "minutes: None → 3.0" in done.stderr


def test_the_last_whole_checkpoint_stays_until_the_next_is_whole(
    prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    """Asked to keep one: a half-written newer one neither counts nor stays behind."""
    run = unfinished_copy(six_steps, tmp_path / "run")
    assert [path.name for path in checkpoints(run)] == [f"checkpoint-{n}" for n in (4, 5, 6)]
    half = run / "checkpoint-7"
    half.mkdir()
    rotate_checkpoints(run, keep=1)
    assert [path.name for path in checkpoints(run)] == ["checkpoint-6"]
    assert half.is_dir()
    (run / "checkpoint-6" / "manifest.json").unlink()
    rotate_checkpoints(run, keep=1)  # nothing is sealed: nothing goes
    assert {path.name for path in run.glob("checkpoint-*")} == {"checkpoint-6", "checkpoint-7"}
    out = tmp_path / "one"
    pretrain(config(prepared, out, steps=4, keep_checkpoints=1))
    assert [path.name for path in checkpoints(out)] == ["checkpoint-4"]


def test_a_setting_from_after_the_run_began_does_not_stop_it(
    prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    record = json.loads((run / "run.json").read_text("utf-8"))
    del record["config"]["start"], record["seal"]  # nor was there a seal
    (run / "run.json").write_text(json.dumps(record), "utf-8")
    pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    assert weights(run) == weights(six_steps)


def test_what_changes_no_weight_may_change(prepared: Path, six_steps: Path, tmp_path: Path) -> None:
    """Among it where the same data lies."""
    run = unfinished_copy(six_steps, tmp_path / "run")
    for checkpoint in checkpoints(run)[1:]:
        shutil.rmtree(checkpoint)
    moved = Path(shutil.copytree(prepared, tmp_path / "moved"))
    changes = {"workers": 1, "log_every": 3, "checkpoint_minutes": 9.0, "keep_checkpoints": 2}
    pretrain(config(moved, run, steps=6, **changes), resume=True)
    assert weights(run) == weights(six_steps)


@pytest.mark.fault("changed-data")
def test_other_data_is_refused_with_both_hashes(
    corpus_file: Path, tokenizer_folders: dict[str, Path], six_steps: Path, tmp_path: Path
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    before = json.loads((run / "run.json").read_text("utf-8"))["data_hash"]
    settings = PrepareConfig(max_length=64, validation_share=0.2, processes=1)
    prepare([str(corpus_file)], tokenizer_folders["wordpiece"], tmp_path / "data", settings)
    now = read_manifest(tmp_path / "data", "prepare").content_hash
    with pytest.raises(InputError, match=f"data: content {before} → {now}"):
        pretrain(config(tmp_path / "data", run, steps=6, keep_checkpoints=3), resume=True)


def test_processes_that_cannot_share_a_step_are_refused(
    prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    """As if the run had been started by three processes: 16 x 2 x 3 rows cannot be one process's."""
    run = unfinished_copy(six_steps, tmp_path / "run")
    with pytest.raises(InputError, match="32 rows, which 5 processes cannot share evenly"):
        fit_to_processes(run, config(prepared, run, steps=6), 5)
    shared = fit_to_processes(run, config(prepared, run, steps=6), 4)
    assert shared.batch_size * shared.accumulation * 4 == 32


@pytest.mark.parametrize("content", ["[]", '{"config": 3}', "null", ""])
def test_a_record_of_another_shape_is_damaged(
    content: str, prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    (run / "run.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"run\.json: is damaged"):
        pretrain(config(prepared, run, steps=6), resume=True)


def test_another_architecture_in_the_same_file_is_refused(
    prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    """Of the same shape: only its settings say so."""
    arch, run = tmp_path / "arch.json", tmp_path / "run"
    shape = {
        "model_type": "bert",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "intermediate_size": 64,
    }
    arch.write_text(json.dumps({**shape, "num_attention_heads": 1}), "utf-8")
    settings = {"arch": str(arch), "steps": 4, "keep_checkpoints": 4, "dropout": 0.0}
    pretrain(config(prepared, run, **settings))
    shutil.rmtree(run / "model")
    shutil.rmtree(run / "checkpoint-4")
    (run / "manifest.json").unlink()
    changed = {**shape, "num_attention_heads": 2, "hidden_act": "relu"}
    arch.write_text(json.dumps(changed), "utf-8")
    with pytest.raises(InputError, match="model: content"):
        pretrain(config(prepared, run, **settings), resume=True)


def test_data_that_was_moved(prepared: Path, six_steps: Path, tmp_path: Path) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    with pytest.raises(InputError, match=r"gone: the data of this run is not there[\s\S]*--data"):
        pretrain(config(tmp_path / "gone", run, steps=6), resume=True)


def test_resume_of_nothing(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run\.json"):
        pretrain(config(prepared, tmp_path / "none"), resume=True)


@pytest.mark.fault("two-runs")
def test_two_processes_that_want_one_folder(prepared: Path, tmp_path: Path) -> None:
    """Started together: one trains, the other is told which process and host that is."""
    words = [
        "-m",
        "mlm_pretrain",
        "pretrain",
        "--data",
        str(prepared),
        "--out",
        str(tmp_path / "run"),
    ]
    words += ["--arch", "bert:2x64", "--steps", "150", "--batch-size", "8", "--precision", "fp32"]
    both = [package_process.start(words) for _ in range(2)]
    errors = [process.communicate(timeout=package_process.LIMIT_SECONDS)[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], errors
    winner = both[codes.index(0)]
    told = errors[codes.index(2)]
    assert f"process {winner.pid} on host {socket.gethostname()} is training there" in told
    assert "Traceback" not in told
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
    assert not (tmp_path / "run" / RUNNING_FILE).exists()


def test_from_another_folder_and_after_a_move(
    prepared: Path, six_steps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths were given from where the run was started, and it was moved since."""
    monkeypatch.chdir(prepared.parent)
    pretrain(config(Path(prepared.name), tmp_path / "run", steps=6, keep_checkpoints=3))
    run = unfinished_copy(tmp_path / "run", tmp_path / "moved")
    shutil.rmtree(run / "checkpoint-6")
    monkeypatch.chdir(tmp_path)
    settings = read_run("moved")["config"] | {"out": "moved"}
    pretrain(PretrainConfig(**{k: v for k, v in settings.items() if v is not None}), resume=True)
    assert weights(run) == weights(six_steps)


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_run_in_one_folder_is_refused(
    resume: bool, prepared: Path, six_steps: Path, tmp_path: Path
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    holder = {"process": os.getppid(), "host": socket.gethostname()}
    (run / RUNNING_FILE).write_text(json.dumps(holder), "utf-8")
    with pytest.raises(InputError, match=f"process {os.getppid()} on host {holder['host']}"):
        pretrain(
            config(prepared, run, steps=6, keep_checkpoints=3), resume=resume, overwrite=not resume
        )
    assert checkpoints(run)  # nothing was deleted


def test_a_resumed_run_keeps_its_attention(prepared: Path, tmp_path: Path) -> None:
    """Whatever is fastest on the day it is resumed: other methods round differently."""
    out = tmp_path / "run"
    assert pretrain(config(prepared, out, steps=2, attention="fused"))["attention"] == "fused"
    shutil.rmtree(out / "model")
    (out / "manifest.json").unlink()
    resumed = pretrain(config(prepared, out, steps=2), resume=True)
    assert resumed["attention"] == "fused"
    with pytest.raises(InputError, match="attention: 'fused' → 'masks'"):
        pretrain(config(prepared, out, steps=2, attention="masks"), resume=True, overwrite=False)


def test_masks_stay_masks_also_after_a_validation(prepared: Path, tmp_path: Path) -> None:
    from mlm_pretrain.training.assembling import assemble, build_trainer

    settings = config(prepared, tmp_path / "run", steps=2, attention="masks")
    materials = assemble(settings)
    trainer = build_trainer(materials)
    assert materials.config.attention == "masks"
    assert trainer.model.config._attn_implementation == "sdpa"
    score_rows(
        trainer.model, open_rows(prepared, materials.tokenizer, trainer.model.config, None),
        materials.objective, materials.vocabulary, limit_rows=2,
    )  # fmt: skip
    assert trainer.model.config._attn_implementation == "sdpa"
