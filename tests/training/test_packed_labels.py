"""Packed rows that bring their own labels: no document of theirs sees another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import training_splits as splits
from drop_in import Examples, make_examples, make_trainer, mean_loss
from transformers import AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.training.trainers import MaskedLMTrainer

ARCHS = ["bert:2x64", "modernbert:2x64", "gpt2:2x64"]


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Any:
    return AutoTokenizer.from_pretrained(prepared / "tokenizer")


def in_pairs(documents: Examples) -> Examples:
    """Two documents a row."""
    return [
        {
            "input_ids": first["input_ids"] + second["input_ids"],
            "labels": first["labels"] + second["labels"],
            "segment_lengths": [len(first["input_ids"]), len(second["input_ids"])],
        }
        for first, second in zip(documents[::2], documents[1::2], strict=True)
    ]


def enlarge(model: torch.nn.Module) -> None:
    """Weights so large that what one document sees of another shows in its loss."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "embed" not in name:
                weight *= 4


@pytest.mark.parametrize("arch", ARCHS)
def test_the_loss_is_that_of_each_document_alone(arch: str, tokenizer: Any, tmp_path: Path) -> None:
    """Trained and evaluated; of a decoder, no document's first token follows from the one before."""
    documents = make_examples(tokenizer, 8, seed=1)
    rows = in_pairs(documents)
    trainer = make_trainer(
        arch, tokenizer, tmp_path, train_dataset=rows, eval_dataset=rows,
        per_device_train_batch_size=4, per_device_eval_batch_size=2,
    )  # fmt: skip
    enlarge(trainer.model)
    plain = splits.small_model(arch, tokenizer)
    plain.load_state_dict(trainer.model.state_dict())
    expected = mean_loss(plain, documents, arch)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)
    trainer.train()
    logged = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert logged == pytest.approx([expected], rel=1e-5)


def test_without_a_tokenizer_they_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    """Nothing then makes batches that say where a document ends."""
    ids = list(range(10, 20))
    rows = [{"input_ids": ids, "labels": ids, "segment_lengths": [4, 6]}] * 4
    trainer = MaskedLMTrainer(
        splits.small_model("bert:2x64", tokenizer), splits.arguments(tmp_path), train_dataset=rows
    )
    with pytest.raises(InputError, match="processing_class"):
        trainer.train()
