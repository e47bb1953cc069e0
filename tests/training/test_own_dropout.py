"""The dropout of a checkpoint that is continued: its own, or what is asked for, none included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, AutoTokenizer, BertConfig, BertForMaskedLM, CamembertConfig

from mlm_pretrain.export import export
from mlm_pretrain.export.own_dropout import own_dropout
from mlm_pretrain.training.assembling import assemble
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain


@pytest.fixture(scope="module")
def checkpoint(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """With a dropout of 0.1 in its layers, and another of its attention's."""
    folder = tmp_path_factory.mktemp("checkpoint")
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1}
    config = BertConfig(
        **sizes, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id,
        attention_probs_dropout_prob=0.2,
    )  # fmt: skip
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("asked", "expected"), [(None, (0.1, 0.2)), (0.0, (0.0, 0.0)), (0.3, (0.3, 0.3))]
)
def test_of_a_checkpoint(
    asked: float | None,
    expected: tuple[float, float],
    checkpoint: str,
    prepared: Path,
    tmp_path: Path,
) -> None:
    given: dict[str, Any] = {} if asked is None else {"dropout": asked}
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), init=checkpoint, steps=1, **given
    )
    model: Any = assemble(config).model
    assert _of(model.config) == expected


def test_the_exported_model_has_the_checkpoint_s(
    checkpoint: str, prepared: Path, tmp_path: Path
) -> None:
    """After two phases without, whoever fine-tunes it gets what the checkpoint would have given."""
    first, last = tmp_path / "first", tmp_path / "last"
    shared = {"data": str(prepared), "steps": 1, "batch_size": 4, "dropout": 0.0}
    pretrain(PretrainConfig.model_validate({**shared, "out": str(first), "init": checkpoint}))
    pretrain(PretrainConfig.model_validate({**shared, "out": str(last), "follows": str(first)}))
    assert _of(AutoConfig.from_pretrained(last / "model")) == (0.0, 0.0)
    export(last, tmp_path / "model")
    assert _of(AutoConfig.from_pretrained(tmp_path / "model")) == (0.1, 0.2)


def test_so_has_the_generator_that_was_trained_beside_it(
    checkpoint: str, prepared: Path, tmp_path: Path
) -> None:
    run = {"data": str(prepared), "out": str(tmp_path / "run"), "init": checkpoint, "steps": 1}
    settings = {"objective": "replaced", "batch_size": 4, "dropout": 0.0}
    pretrain(PretrainConfig.model_validate({**run, **settings}))
    export(tmp_path / "run", tmp_path / "model")
    for folder in ("model", "model/generator"):
        assert _of(AutoConfig.from_pretrained(tmp_path / folder)) == (0.1, 0.2)


def test_a_family_of_unknown_names_keeps_its_own(tmp_path: Path) -> None:
    """In records of earlier versions 0 stood for that."""
    CamembertConfig().save_pretrained(tmp_path)
    assert own_dropout([{"init": str(tmp_path), "dropout": 0.0}]) == {}


def _of(config: Any) -> tuple[float, float]:
    return config.hidden_dropout_prob, config.attention_probs_dropout_prob


def test_of_a_new_model(prepared: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), arch="bert:2x64", steps=1
    )
    model: Any = assemble(config).model
    assert model.config.hidden_dropout_prob == 0.0
