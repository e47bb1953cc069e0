"""The dropout of a checkpoint that is continued: its own, or what is asked for, none included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from mlm_pretrain.training.assembling import assemble
from mlm_pretrain.training.pretrain_config import PretrainConfig


@pytest.mark.parametrize(("asked", "expected"), [(None, 0.1), (0.0, 0.0), (0.3, 0.3)])
def test_of_a_checkpoint(
    asked: float | None, expected: float, prepared: Path, tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1}
    checkpoint = BertConfig(**sizes, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id)
    BertForMaskedLM(checkpoint).save_pretrained(tmp_path / "checkpoint")
    tokenizer.save_pretrained(tmp_path / "checkpoint")
    given: dict[str, Any] = {} if asked is None else {"dropout": asked}
    config = PretrainConfig(
        data=str(prepared),
        out=str(tmp_path / "run"),
        init=str(tmp_path / "checkpoint"),
        steps=1,
        **given,
    )
    model: Any = assemble(config).model
    assert model.config.hidden_dropout_prob == model.config.attention_probs_dropout_prob == expected


def test_of_a_new_model(prepared: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), arch="bert:2x64", steps=1
    )
    model: Any = assemble(config).model
    assert model.config.hidden_dropout_prob == 0.0
