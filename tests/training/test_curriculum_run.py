"""A run with a curriculum: what it sees, refuses, plans, and how the command line asks for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import package_process
import pytest
import training_order as order
import training_splits as splits
from resumable import config
from torch.utils.data import IterableDataset, SequentialSampler
from transformers import AutoTokenizer

from mlm_pretrain.config import build_config, set_value
from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling import assemble, build_trainer
from mlm_pretrain.training.curriculum import CurriculumConfig, build_curriculum
from mlm_pretrain.training.loading import order_of
from mlm_pretrain.training.placement import shuffled
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.run_folder import read_run
from mlm_pretrain.training.trainers import TRAINERS

LENGTH = CurriculumConfig(measure="length")
SMALL: dict[str, Any] = {"arch": "bert:2x64", "start": "random", "attention": "masks"}


def test_without_one_the_order_is_the_usual_one(prepared: Path, tmp_path: Path) -> None:
    trainer = build_trainer(assemble(config(prepared, tmp_path, **SMALL)))
    loader, usual = trainer.get_train_dataloader(), shuffled(3, len(trainer.train_dataset))
    assert trainer.curriculum is None
    for epoch in (0, 1):
        assert trainer.placed_batches.order(epoch) == order_of(trainer)(epoch) == usual(epoch)
    assert len(loader) == len(trainer.placed_batches)


def test_a_run_sees_the_easiest_rows_first(prepared: Path, tmp_path: Path) -> None:
    """Its loader, whose steps are two batches of 16; the last step of the run may draw every row."""
    materials = assemble(config(prepared, tmp_path, curriculum=LENGTH, **SMALL))
    trainer = build_trainer(materials)
    trainer.get_train_dataloader()
    assert materials.curriculum is not None
    ranked, size = materials.curriculum.ranked_R, len(materials.train)
    first = trainer.placed_batches.order(0)[:32]
    tenth = -(-size // 10)
    assert set(first) <= set(ranked[:tenth].tolist())
    data = materials.train
    means = [np.mean(data[i]["segment_lengths"]) for i in ranked[:tenth]]
    assert max(means) <= min(np.mean(data[i]["segment_lengths"]) for i in ranked[tenth:])
    last = 30 // -(-size // 32) + 1
    assert trainer.placed_batches.order(last) == shuffled(3, size)(last)


def test_resumed_with_another_curriculum_it_is_refused(prepared: Path, tmp_path: Path) -> None:
    """By the run's record, and by the checkpoint itself, also from before there were curricula."""
    short = {"steps": 2, "checkpoint_minutes": 1e-5, **SMALL}
    settings = config(prepared, tmp_path / "run", curriculum=LENGTH, **short)
    pretrain(settings)
    for other in (None, CurriculumConfig(measure="entropy")):
        changed = settings.model_copy(update={"curriculum": other})
        with pytest.raises(InputError, match=r"curriculum: .*length.* → .*(None|entropy)"):
            pretrain(changed, resume=True)
    checkpoint = tmp_path / "run" / "checkpoint-1"
    trainer = build_trainer(assemble(settings))
    assert trainer.curriculum is not None
    trainer.curriculum = build_curriculum(LENGTH, trainer.train_dataset, seed=4)
    with pytest.raises(InputError, match=r"curriculum: .*ranks.* → .*ranks"):
        trainer.train(resume_from_checkpoint=str(checkpoint))


def test_a_target_in_the_home_folder_is_found_again(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given from where the run was started; resumed from elsewhere, with the settings it recorded."""
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(prepared, tmp_path / "like")
    monkeypatch.chdir(tmp_path)
    wanted = CurriculumConfig(measure="similarity", target="like")
    out = tmp_path / "run"
    done = pretrain(config(prepared, out, steps=2, curriculum=wanted, **SMALL))
    monkeypatch.chdir("/")
    recorded = read_run(out)["config"]
    assert recorded["curriculum"]["target"] == str(tmp_path / "like")
    assert str(tmp_path) not in json.dumps(json.loads((out / "run.json").read_text("utf-8")))
    again = pretrain(
        build_config(PretrainConfig, {**recorded, "out": str(out)}, "run"), resume=True
    )
    assert again["steps"] == done["steps"] == 2


def test_a_checkpoint_from_before_knows_none() -> None:
    from mlm_pretrain.training.checkpoints.fingerprint import changes

    settings = {"processes": 1, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 1}
    before: dict[str, Any] = {"settings": settings, "data": 1, "tokenizer": 1, "model": 1}
    for found, listed in ((None, []), ("easy", ["curriculum: None → 'easy'"])):
        now = {**before, "settings": {**settings, "finds_batch": False, "curriculum": found}}
        assert changes(before, now) == listed


def test_settings_that_cannot_be() -> None:
    def refusal(**values: Any) -> str:
        with pytest.raises(InputError) as error:
            build_config(PretrainConfig, values, "flags")
        return str(error.value)

    assert "give steps or epochs, not minutes" in refusal(minutes=3.0, curriculum={})
    assert "needs a target" in refusal(curriculum={"measure": "similarity"})
    assert "not for entropy" in refusal(curriculum={"target": "somewhere"})
    known = "known: length, entropy, diversity, similarity"
    assert known in refusal(curriculum={"measure": "lenght"})


def test_rows_that_it_cannot_order_are_refused(prepared: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    base: Any = TRAINERS["mlm"]

    class InTurn(base):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset)

    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            return iter(order.rows(8))

    cases = ((InTurn, order.rows(8)), (base, order.rows(9)), (base, Stream()))
    for kind, rows in cases:
        trainer = kind(
            model=splits.small_model("bert:2x64", tokenizer),
            args=splits.arguments(tmp_path, max_steps=2), train_dataset=rows, processing_class=tokenizer,
        )  # fmt: skip
        trainer.curriculum = build_curriculum(LENGTH, order.rows(8), seed=0)
        with pytest.raises(InputError, match="a curriculum ranks the very rows"):
            trainer.get_train_dataloader()


def test_a_plan_says_what_scoring_takes(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = plan(config(prepared, tmp_path / "run", curriculum=LENGTH, **SMALL))
    assert planned["curriculum"] == "length"
    assert 0 <= planned["curriculum_seconds"] < 5
    rows = len(PackedDataset(prepared, "train"))
    said = capsys.readouterr()
    assert f"curriculum: scored {rows:,} rows by length in" in said.err
    assert "curriculum" not in said.out


def test_a_section_that_is_off_can_be_set() -> None:
    for values in ({}, {"pretrain": {"curriculum": None}}, {"pretrain": {"curriculum": {}}}):
        set_value(values, "pretrain.curriculum.measure=length")
        assert values == {"pretrain": {"curriculum": {"measure": "length"}}}


def test_the_command_line_and_a_recipe_ask_for_it(prepared: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"folder: {tmp_path}/all\npretrain:\n  data: {prepared}\n  arch: bert:2x64\n  steps: 3\n"
        "  batch_size: 4\n  start: random\n  attention: masks\n"
        "  curriculum:\n    measure: length\n    until: 0.9\n",
        encoding="utf-8",
    )
    done = package_process.run(
        ["-m", "mlm_pretrain", "pretrain", "--config", str(recipe), "--dry-run", "--json",
         "--set", "pretrain.curriculum.measure=similarity",
         "--set", f"pretrain.curriculum.target={prepared}"]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "rows by similarity in" in done.stderr
    assert json.loads(done.stdout)["curriculum"] == "similarity"
