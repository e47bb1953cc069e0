"""What is damaged or missing in a stopped run is named, and the run goes on from what is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import package_process
import pytest
from resumable import checkpoints, config, flip_bit, truncate, unfinished_copy, weights

from mlm_pretrain.errors import InputError
from mlm_pretrain.training.pretrain import pretrain


@pytest.mark.fault("truncated-state")
@pytest.mark.fault("flipped-bit")
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("trainer_state.json", Path.unlink),
        ("manifest.json", Path.unlink),
        ("manifest.json", flip_bit),
        ("model.safetensors", truncate),
        ("model.safetensors", flip_bit),
        ("optimizer.safetensors", flip_bit),
        ("generators-0.safetensors", truncate),
    ],
)
def test_a_damaged_checkpoint_is_named_and_skipped(
    name: str,
    damage: Callable[[Path], None],
    prepared: Path,
    six_steps: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    damage(run / "checkpoint-6" / name)
    result = pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    err = capfd.readouterr().err
    assert f"{run / 'checkpoint-6'}: skipped" in err
    assert name in err
    assert f"resuming from {run / 'checkpoint-5'}" in err
    assert result["steps"] == 6
    assert weights(run) == weights(six_steps)


@pytest.mark.fault("missing-state")
@pytest.mark.parametrize("name", ["optimizer", "scheduler", "generators-0"])
def test_a_state_that_is_gone_is_an_error_unless_weights_are_enough(
    name: str, prepared: Path, six_steps: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    for step in (5, 6):
        shutil.rmtree(run / f"checkpoint-{step}")
    (run / "checkpoint-4" / f"{name}.safetensors").unlink()
    refused = package_process.call_verb(capfd, "pretrain", "--out", run, "--resume")
    assert refused.returncode == 2
    assert f"checkpoint-4/{name}.safetensors: is missing" in refused.stderr
    assert "--weights-only" in refused.stderr
    go_on = package_process.call_verb(
        capfd, "pretrain", "--out", run, "--resume", "--weights-only", "--json"
    )
    assert go_on.returncode == 0, go_on.stderr
    assert "step 4: weights alone" in go_on.stderr
    assert json.loads(go_on.stdout)["steps"] == 6
    assert weights(run) != weights(six_steps)  # the optimiser's memory was lost
    rates = [json.loads(line)["learning_rate"] for line in (run / "log.jsonl").open()]
    before = [json.loads(line)["learning_rate"] for line in (six_steps / "log.jsonl").open()]
    assert rates == before  # the schedule was not


@pytest.mark.fault("flipped-bit")
def test_a_flipped_bit_in_any_file_is_named_or_changes_nothing(
    prepared: Path, six_steps: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of an unfinished run: the file is named, and nothing is done or the same weights come out."""
    source = unfinished_copy(six_steps, tmp_path / "source")
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    newest = [name for name in names if name.parts[0] not in ("checkpoint-4", "checkpoint-5")]
    assert len(newest) > 10
    for name in newest:
        run = Path(shutil.copytree(source, tmp_path / "run"))
        flip_bit(run / name)
        capfd.readouterr()
        try:
            pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
        except InputError as error:
            told = str(error)
        else:
            told = capfd.readouterr().err
            assert weights(run) == weights(six_steps)
        assert name.name in told, name
        shutil.rmtree(run)


@pytest.mark.fault("flipped-bit")
@pytest.mark.parametrize("name", ["model/model.safetensors", "manifest.json", "metrics.json"])
def test_a_finished_run_that_was_damaged_is_written_again(
    name: str, prepared: Path, six_steps: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(six_steps, tmp_path / "run"))
    flip_bit(run / name)
    pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    assert Path(name).name in capfd.readouterr().err
    for file in ("model/model.safetensors", "metrics.json"):
        assert (run / file).read_bytes() == (six_steps / file).read_bytes()


def test_rotation_never_counts_a_damaged_checkpoint(
    prepared: Path, six_steps: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The newest two are damaged and the run keeps one: what it writes next is not the oldest to go."""
    run = unfinished_copy(six_steps, tmp_path / "run")
    for step in (5, 6):
        flip_bit(run / f"checkpoint-{step}" / "model.safetensors")
    pretrain(config(prepared, run, steps=6, keep_checkpoints=1), resume=True)
    assert [path.name for path in checkpoints(run)] == ["checkpoint-6"]
    assert (run / "checkpoint-6.aside").is_dir()
    assert "checkpoint-6: set aside" in capfd.readouterr().err
    assert weights(run) == weights(six_steps)


def test_none_whole_is_no_new_beginning(prepared: Path, six_steps: Path, tmp_path: Path) -> None:
    run = unfinished_copy(six_steps, tmp_path / "run")
    for checkpoint in checkpoints(run):
        truncate(checkpoint / "model.safetensors")
    with pytest.raises(InputError, match="none of its 3 checkpoints is whole"):
        pretrain(config(prepared, run, steps=6, keep_checkpoints=3), resume=True)
    assert len(checkpoints(run)) == 3
