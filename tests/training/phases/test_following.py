"""A run that follows another takes over what it should: to the bit, by name, and never its draws."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import phased
import pytest
import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling import Materials, assemble, build_trainer
from mlm_pretrain.training.checkpoints.states import read_state
from mlm_pretrain.training.followed import read_followed
from mlm_pretrain.training.heads import NAME
from mlm_pretrain.training.phases import Phase, plan_phases
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

FIRST, SECOND = phased.RUNS
LEVEL = {"warmup_share": 0.0, "decay_share": 0.0, "checkpoint_minutes": 10.0}


def following(data: Path, run: Path, out: Path, **changes: Any) -> PretrainConfig:
    own = {"arch": None, "follows": str(run), "steps": 2, **LEVEL, **changes}
    return phased.config(data, out, **own)


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_runs_are_one(optimizer: str, few_rows: Path, tmp_path: Path) -> None:
    """Of the same settings on a level rate, where the first ends with an epoch: with dropout, and adaptive
    masks, which remember what is hard."""
    batch = -(-len(PackedDataset(few_rows, "train")) // 3)
    masking = {"adaptive": 1.0}
    same = {**LEVEL, "optimizer": optimizer, "batch_size": batch, "masking": masking}
    pretrain(phased.config(few_rows, tmp_path / "one", steps=6, **same))
    pretrain(phased.config(few_rows, tmp_path / "first", steps=3, **same))
    second = following(few_rows, tmp_path / "first", tmp_path / "second", steps=3, **same)
    result = pretrain(second)
    assert weights(tmp_path / "second") == weights(tmp_path / "one")
    assert result["epochs_begun"] == 2
    ends = [tmp_path / "second" / "checkpoint-3", tmp_path / "one" / "checkpoint-6"]
    for name in ("generators-0", "adaptive"):
        ours, theirs = ((end / f"{name}.safetensors").read_bytes() for end in ends)
        assert ours == theirs, name
    states = [read_state(end / "optimizer.safetensors")["state"] for end in ends]
    assert states[0].keys() == states[1].keys()
    for number, state in states[1].items():
        assert all(torch.equal(states[0][number][key], value) for key, value in state.items())


def first_batches(materials: Materials) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Rows of the first three batches in their order, and each row's masks."""
    trainer = build_trainer(materials)
    batches = [batch for _, batch in zip(range(3), trainer.get_train_dataloader(), strict=False)]
    order, masks = [], {}
    for batch in batches:
        labels, ids = batch["labels"], batch["input_ids"]
        text = torch.where(labels == -100, ids, labels)
        for row, marked in zip(text, labels, strict=True):
            order.append(row.numpy().tobytes())
            masks[order[-1]] = marked.numpy().tobytes()
    return order, masks


def test_order_and_masks_are_others(few_rows: Path, tmp_path: Path) -> None:
    """Over the same rows with the same seed; and of a third run too."""
    settings = {"batch_size": 8, "optimizer": "adamw"}
    pretrain(phased.config(few_rows, tmp_path / "a", steps=1, **LEVEL | settings))
    pretrain(following(few_rows, tmp_path / "a", tmp_path / "b", steps=1, **settings))
    found = [
        first_batches(assemble(phased.config(few_rows, tmp_path, steps=1, **settings))),
        first_batches(assemble(following(few_rows, tmp_path / "a", tmp_path, **settings))),
        first_batches(assemble(following(few_rows, tmp_path / "b", tmp_path, **settings))),
    ]
    for number, (order, masks) in enumerate(found):
        for others, other_masks in found[:number]:
            assert order != others
            both = masks.keys() & other_masks.keys()
            assert both and all(masks[row] != other_masks[row] for row in both)


def steps_made(run: Path, step: int) -> set[float]:
    state = read_state(run / f"checkpoint-{step}" / "optimizer.safetensors")["state"]
    return {float(part["step"]) for part in state.values() if "exp_avg" in part}


def test_the_optimiser_goes_on_or_begins_anew(
    prepared: Path, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    last, run = phased.SECOND, whole / SECOND
    pretrain(following(prepared, run, tmp_path / "on"))
    assert "optimiser: goes on for" in capfd.readouterr().err
    assert steps_made(tmp_path / "on", 2) == {phased.FIRST + last + 2}
    pretrain(following(prepared, run, tmp_path / "anew", optimizer_state="fresh"))
    assert steps_made(tmp_path / "anew", 2) == {2}
    pretrain(following(prepared, run, tmp_path / "other", optimizer="adamw"))
    assert steps_made(tmp_path / "other", 2) == {2}
    config = read_followed(tmp_path / "other").config
    assert config["optimizer_state"] == "fresh"
    assert len({weights(tmp_path / name) for name in ("on", "anew", "other")}) == 3


def test_rate_and_tokens_of_a_step_are_those_of_before(
    prepared: Path, whole: Path, tmp_path: Path
) -> None:
    found = assemble(
        following(prepared, whole / SECOND, tmp_path, learning_rate=0.0, batch_size=0)
    ).config
    assert found.learning_rate == phased.SETTINGS["learning_rate"]
    assert found.batch_size == 4  # two rows of 128 there, rows of 64 here


def test_where_there_are_fewer_rows_than_in_a_step_of_before_all_of_them_are_one(
    prepared: Path, few_rows: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Unless more are asked for, which is refused. What is planned is what is done."""
    rows, before = len(PackedDataset(few_rows, "train")), tmp_path / "before"
    many = {"batch_size": rows + 5, "optimizer": "adamw"}
    pretrain(phased.config(prepared, before, steps=1, **LEVEL | many))
    capfd.readouterr()
    fewer = following(few_rows, before, tmp_path / "run", optimizer="adamw", batch_size=0)
    assert pretrain(fewer)["epochs"] == 2.0  # of one step each
    assert f"batches of all {rows} rows" in capfd.readouterr().err
    assert read_followed(tmp_path / "run").config["batch_size"] == rows
    with pytest.raises(InputError, match=f"{rows} rows are fewer than a batch of {rows + 5}"):
        pretrain(following(few_rows, before, tmp_path / "asked", **many))
    first = phased.config(prepared, tmp_path / "phases", **{**LEVEL, "optimizer": "adamw"})
    parts = [
        Phase(name="many", steps=1, pretrain={"batch_size": rows + 5}),
        Phase(name="few", steps=1, pretrain={"data": str(few_rows), "batch_size": 0}),
    ]
    assert plan_phases(first, parts)["phases"]["few"]["rows_a_step"] == rows


def test_dropout_may_end(prepared: Path, whole: Path, tmp_path: Path) -> None:
    model: Any = assemble(following(prepared, whole / FIRST, tmp_path, dropout=0.0)).model
    assert model.config.hidden_dropout_prob == 0.0
    model = assemble(following(prepared, whole / FIRST, tmp_path)).model
    assert model.config.hidden_dropout_prob == 0.1


def heads_of(materials: Materials) -> dict[str, torch.Tensor]:
    model: Any = materials.model
    return dict(getattr(model, NAME).state_dict())


def assert_same(
    found: dict[str, torch.Tensor], before: dict[str, torch.Tensor], prefix: str
) -> None:
    names = [name for name in before if name.startswith(prefix)]
    assert names and all(torch.equal(found[name], before[name]) for name in names)


def test_heads_are_taken_whole_or_not_at_all(
    prepared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def several(projection: int, *names: str) -> dict[str, Any]:
        texts = {"name": "contrastive", "settings": {"projection": projection}}
        parts = [{"name": name} for name in names]
        own = {"objectives": [*parts, texts], "balance": "uncertainty"}
        return {**own, "optimizer": "adamw", "batch_size": 4}

    def begun(name: str, **settings: Any) -> tuple[Materials, str]:
        found = assemble(following(prepared, tmp_path / name, tmp_path, **settings))
        return found, capfd.readouterr().err

    pretrain(phased.config(prepared, tmp_path / "a", steps=2, **LEVEL | several(16, "order")))
    same, said = begun("a", **several(16, "order"))
    assert "begin anew" not in said
    trained = heads_of(same)
    assert trained["contrastive.steps"] == 2 and trained["log_variance_P"].abs().sum() > 0
    assert same.carried == {name for name, _ in same.model.named_parameters()}
    other, said = begun("a", **several(16, "mlm"))  # a factor learnt for `order` is not `mlm`'s
    assert "heads that begin anew: log_variance_P" in said
    assert torch.equal(heads_of(other)["log_variance_P"], torch.zeros(2))
    assert_same(heads_of(other), trained, "contrastive.")
    wider, said = begun("a", **several(32, "order"))
    assert "heads that begin anew: contrastive" in said
    assert heads_of(wider)["contrastive.steps"] == 0
    assert_same(heads_of(wider), trained, "order.")
    anew = {name for name, _ in wider.model.named_parameters()} - wider.carried
    assert anew and all(name.startswith(f"{NAME}.contrastive.") for name in anew)
    plain = {"optimizer": "adamw", "batch_size": 4}
    pretrain(following(prepared, tmp_path / "a", tmp_path / "b", **plain))
    assert "not needed any more: all" in capfd.readouterr().err
    pretrain(following(prepared, tmp_path / "b", tmp_path / "c", **several(16, "mlm")))
    assert "heads that begin anew: contrastive, log_variance_P" in capfd.readouterr().err
    assert steps_made(tmp_path / "c", 2) == {2, 6}  # of the heads, and of the model


def test_a_generator_goes_on_beside_its_model(prepared: Path, tmp_path: Path) -> None:
    """The model is saved with the sum of two tables, and goes on with their difference."""
    found = {"objective": "replaced", "optimizer": "adamw", "batch_size": 4}
    pretrain(phased.config(prepared, tmp_path / "a", steps=2, **LEVEL | found))
    pretrain(following(prepared, tmp_path / "a", tmp_path / "b", learning_rate=1e-12, **found))
    before, after = (read_state_of(tmp_path / name) for name in "ab")
    assert before.keys() == after.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, atol=1e-6, rtol=1e-5)


def read_state_of(run: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return {
        **load_file(run / "model" / "model.safetensors"),
        **load_file(run / "model" / "heads.safetensors"),
    }


def test_what_cannot_be_followed(
    prepared: Path, whole: Path, tiny_run: Path, tmp_path: Path
) -> None:
    def refused(run: Path, **changes: Any) -> str:
        with pytest.raises(InputError) as caught:
            pretrain(following(prepared, run, tmp_path / "out", **changes))
        assert not (tmp_path / "out").exists()
        return str(caught.value)

    assert "no run.json" in refused(tmp_path / "none")
    assert "1-short, 2-long" in refused(whole)
    assert "give optimizer: muon, or optimizer_state: fresh" in refused(
        whole / FIRST, optimizer="adamw", optimizer_state="carried"
    )
    shutil.copytree(whole / FIRST, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / f"checkpoint-{phased.FIRST}")
    said = refused(tmp_path / "copy")
    assert f"checkpoint-{phased.FIRST}: is gone" in said and "optimizer_state: fresh" in said
    (tmp_path / "copy" / "manifest.json").unlink()
    assert "has not ended yet" in refused(tmp_path / "copy")
    for own in ({"arch": "bert-tiny"}, {"init": "x"}, {"positions": 5}):
        with pytest.raises(ValueError, match=f"leave out {next(iter(own))}"):
            PretrainConfig(follows="run", **own)
    with pytest.raises(ValueError, match="name it by follows"):
        PretrainConfig(optimizer_state="carried")
