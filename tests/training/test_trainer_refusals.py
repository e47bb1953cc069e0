"""`MaskedLMTrainer` and `CausalLMTrainer` used directly: what they refuse to resume, and why."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import training_splits as splits
from small_trainer import SETTINGS, trainer
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, Trainer

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.trainers import MaskedLMTrainer


@pytest.fixture(scope="module")
def saved(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training with a checkpoint after each of four steps."""
    out = tmp_path_factory.mktemp("saved") / "out"
    trainer(prepared, out).train()
    return out


@pytest.fixture
def stopped(saved: Path, tmp_path: Path) -> Path:
    """The same as if it had been killed after its second step."""
    out = Path(shutil.copytree(saved, tmp_path / "out"))
    for step in (3, 4):
        shutil.rmtree(out / f"checkpoint-{step}")
    return out


@pytest.mark.fault("changed-settings")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 2e-3}, r"learning_rate: 0\.001 → 0\.002"),
        ({"max_steps": 8}, "max_steps: 4 → 8"),
        ({"seed": 7}, "seed: 42 → 7"),
        ({"warmup_steps": 2}, r"warmup_steps: \S+ → 2"),
        ({"per_device_train_batch_size": 8}, "per_device_train_batch_size: 4 → 8"),
        (
            {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2},
            "gradient_accumulation_steps: 1 → 2",
        ),
        ({"objective_config": MaskedConfig(ratio=0.4)}, "objective_config: .*0.3.* → .*0.4"),
        ({"dropout": 0.1}, "model: content [0-9a-f]{32} → [0-9a-f]{32}"),
        ({"optim": "sgd"}, "optim: 'adamw_torch_fused' → 'sgd'"),
    ],
    ids=str,
)
def test_another_training_is_refused(
    changes: dict[str, Any], message: str, prepared: Path, stopped: Path
) -> None:
    with pytest.raises(InputError, match=message):
        trainer(prepared, stopped, **changes).train(resume_from_checkpoint=True)
    assert (stopped / "checkpoint-2").is_dir()


def test_another_collator_or_model_is_refused(
    prepared: Path, stopped: Path, tmp_path: Path
) -> None:
    """What a name or a class does not say: heads, activation, the settings of a collator, what is trained."""
    model = trainer(prepared, stopped)
    model.model.config.num_attention_heads = 2
    with pytest.raises(InputError, match="model: content"):
        model.train(resume_from_checkpoint=True)
    frozen = trainer(prepared, stopped)
    frozen.model.bert.embeddings.requires_grad_(False)
    with pytest.raises(InputError, match="trained parameters of each group"):
        frozen.train(resume_from_checkpoint=True)
    with pytest.raises(InputError, match="ignore_data_skip"):
        trainer(prepared, stopped, ignore_data_skip=True).train(resume_from_checkpoint=True)

    def masking(share: float) -> MaskedLMTrainer:
        tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
        data = PackedDataset(prepared, "train")
        return MaskedLMTrainer(
            model=splits.small_model("bert:2x64", tokenizer), processing_class=tokenizer,
            args=splits.arguments(tmp_path, **SETTINGS),
            train_dataset=[{"input_ids": data[n]["input_ids"].tolist()} for n in range(16)],
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=share),
        )  # fmt: skip

    masking(0.15).train()
    shutil.rmtree(tmp_path / "checkpoint-4")
    with pytest.raises(InputError, match=r"mlm_probability': 0\.15.* → .*0\.4"):
        masking(0.4).train(resume_from_checkpoint=True)


def test_the_mean_loss_is_of_the_steps_made(prepared: Path, saved: Path, stopped: Path) -> None:
    resumed = trainer(prepared, stopped).train(resume_from_checkpoint=True)
    history = json.loads((saved / "checkpoint-4" / "trainer_state.json").read_text("utf-8"))
    losses = [line["loss"] for line in history["log_history"] if "loss" in line]
    assert resumed.training_loss == pytest.approx(sum(losses[2:]) / 2, rel=1e-5)


def test_a_checkpoint_under_another_name_is_passed_over(
    prepared: Path, saved: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(saved, tmp_path / "out"))
    shutil.copytree(out / "checkpoint-2", out / "checkpoint-9")
    for step in (3, 4):
        shutil.rmtree(out / f"checkpoint-{step}")
    (out / "checkpoint-2" / "manifest.json").unlink()
    (out / "checkpoint-2" / "manifest.json").mkdir()  # a folder where a file belongs
    trainer(prepared, out).train(resume_from_checkpoint=True)
    told = capfd.readouterr().err
    assert "checkpoint-9: skipped" in told and "step 2 under another name" in told
    assert "checkpoint-2: skipped" in told
    path = Path("checkpoint-4") / "model.safetensors"
    assert (out / path).read_bytes() == (saved / path).read_bytes()


def test_an_optimizer_that_was_given_keeps_its_own_rate(prepared: Path, tmp_path: Path) -> None:
    """Loading its state would put the old rate in the place of the new one, without a word."""

    def with_rate(rate: float) -> MaskedLMTrainer:
        made = trainer(prepared, tmp_path)
        optimizer = torch.optim.AdamW(made.model.parameters(), lr=rate, weight_decay=0.0)
        return trainer(
            prepared,
            tmp_path,
            optimizers=(optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer)),
        )

    with_rate(1e-3).train()
    shutil.rmtree(tmp_path / "checkpoint-4")
    with pytest.raises(InputError, match=r"initial_lr of parameter group 0: 0\.001 → 0\.01"):
        with_rate(1e-2).train(resume_from_checkpoint=True)


@pytest.mark.fault("changed-data")
def test_other_data_is_refused(prepared: Path, stopped: Path, tmp_path: Path) -> None:
    rows = PackedDataset(prepared, "train")
    texts = [{"input_ids": rows[n]["input_ids"].tolist()} for n in range(40)]
    out = tmp_path / "lists"
    trainer(prepared, out, rows=texts).train()
    shutil.rmtree(out / "checkpoint-4")
    texts[17]["input_ids"][5] += 1
    with pytest.raises(InputError, match=r"data: content [0-9a-f]{32} → [0-9a-f]{32}"):
        trainer(prepared, out, rows=texts).train(resume_from_checkpoint=True)
    with pytest.raises(InputError, match=r"data: content [0-9a-f]{32} → [0-9a-f]{32}"):
        trainer(prepared, stopped, rows=PackedDataset(prepared, "validation")).train(
            resume_from_checkpoint=True
        )


@pytest.mark.parametrize("column", [17, 30_000])
def test_one_changed_row_of_a_table_is_seen(column: int) -> None:
    from datasets import Dataset

    from mlm_pretrain.training.checkpoints.data_hash import hash_dataset

    rows = [[n, n + 1] for n in range(40_000)]
    before = hash_dataset(Dataset.from_dict({"input_ids": rows}))
    assert hash_dataset(Dataset.from_dict({"input_ids": rows})) == before
    rows[column][0] += 1
    assert hash_dataset(Dataset.from_dict({"input_ids": rows})) != before


@pytest.mark.fault("tokenizer-mismatch")
def test_rows_of_another_tokenizer_are_refused(
    prepared: Path, tokenizer_folders: dict[str, Path], tmp_path: Path
) -> None:
    other = AutoTokenizer.from_pretrained(tokenizer_folders["bpe"])
    with pytest.raises(InputError, match="was prepared with another tokenizer"):
        trainer(prepared, tmp_path, tokenizer=other)


@pytest.mark.fault("truncated-state")
def test_the_newest_whole_one_is_found_and_a_named_one_must_be_whole(
    prepared: Path, saved: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(saved, tmp_path / "out"))
    weights = out / "checkpoint-3" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    shutil.rmtree(out / "checkpoint-4")
    with pytest.raises(InputError, match=r"checkpoint-3/model\.safetensors: \d+ bytes, expected"):
        trainer(prepared, out).train(resume_from_checkpoint=str(out / "checkpoint-3"))
    trainer(prepared, out).train(resume_from_checkpoint=True)
    assert "checkpoint-3: skipped" in capfd.readouterr().err
    last = ("model", "optimizer")
    for name in last:
        path = Path("checkpoint-4") / f"{name}.safetensors"
        assert (out / path).read_bytes() == (saved / path).read_bytes()


def test_an_older_one_that_is_asked_for_is_not_outlived_by_newer_ones(
    prepared: Path, saved: Path, tmp_path: Path
) -> None:
    """With a limit of two, checkpoints 3 and 4 of before must not count as the newest."""
    out = Path(shutil.copytree(saved, tmp_path / "out"))
    again = trainer(prepared, out, save_total_limit=2)
    again.train(resume_from_checkpoint=str(out / "checkpoint-1"))
    assert sorted(path.name for path in out.glob("checkpoint-?")) == [
        "checkpoint-3",
        "checkpoint-4",
    ]


@pytest.mark.fault("flipped-bit")
def test_a_flipped_bit_in_the_rows_is_found_before_they_are_learnt_from(
    prepared: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(prepared, tmp_path / "data"))
    rows = PackedDataset(data, "train")
    tokens = data / "train" / "tokens-00000.bin"
    content = bytearray(tokens.read_bytes())
    content[77] ^= 2
    tokens.write_bytes(content)
    with pytest.raises(InputError, match=r"tokens-00000\.bin: its checksum does not match"):
        trainer(prepared, tmp_path / "out", rows=rows).train()


def test_nothing_to_resume_from(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        trainer(prepared, tmp_path / "none").train(resume_from_checkpoint=True)


class Payload:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.fault("pickle")
def test_pickles_are_not_opened(prepared: Path, stopped: Path, tmp_path: Path) -> None:
    """In a checkpoint of ours, or as the weights of the stock Trainer's."""
    trap, mark = tmp_path / "trap", stopped / "checkpoint-2" / "optimizer.pt"
    mark.write_bytes(pickle.dumps(Payload(trap)))
    with pytest.raises(InputError, match=r"optimizer\.pt: a pickle, which can hold code"):
        trainer(prepared, stopped).train(resume_from_checkpoint=str(stopped / "checkpoint-2"))
    trainer(prepared, stopped).train(resume_from_checkpoint=True)  # goes back to the first
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Payload(trap)}))
    shutil.copy(stopped / "checkpoint-1" / "trainer_state.json", foreign)
    for weights_only in (False, True):
        with pytest.raises(InputError, match=r"a pickle|no weights in safetensors|manifest"):
            trainer(prepared, tmp_path / "out").train(str(foreign), weights_only=weights_only)
    assert not trap.exists()


def test_the_stock_trainers_checkpoint_gives_its_weights(prepared: Path, tmp_path: Path) -> None:
    """Not the training: what it does not say cannot be compared."""
    ours = trainer(prepared, tmp_path / "ours")
    stock = Trainer(
        model=ours.model, args=splits.arguments(tmp_path / "stock", **{**SETTINGS, "max_steps": 2}),
        train_dataset=[{"input_ids": [2, 5, 3], "labels": [2, 5, 3]}] * 8,
    )  # fmt: skip
    stock.train()
    checkpoint = str(tmp_path / "stock" / "checkpoint-2")
    with pytest.raises(InputError, match="a pickle"):
        trainer(prepared, tmp_path / "ours").train(checkpoint)
    again = trainer(prepared, tmp_path / "ours")
    again.train(checkpoint, weights_only=True)
    assert again.state.global_step == 4
