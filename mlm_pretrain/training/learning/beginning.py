"""Makes a model ready to learn as the settings say, before its optimiser is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mlm_pretrain.errors import InputError
from mlm_pretrain.extension import EXTENSION_FILE, read_extension
from mlm_pretrain.modeling.build import lacked_weights
from mlm_pretrain.training.heads import NAME, is_of_heads
from mlm_pretrain.training.learning.choosing import head_weights, leave_out
from mlm_pretrain.training.learning.learner import Learner
from mlm_pretrain.training.learning.lora import inject_lora
from mlm_pretrain.training.learning.rows import Table, token_tables


def settled_head(model: Any, config: Any, trains_head: bool) -> Any:
    """The settings with what they leave open: whether the head learns beside a low-rank change.

    Args:
        config: a `PretrainConfig`.
        trains_head: whether the objective's loss goes through the model's own output layer.
    """
    if config.lora is None or config.lora.head is not None:
        return config
    is_fresh = trains_head and bool(lacked_weights(model))
    return config.model_copy(update={"lora": config.lora.model_copy(update={"head": is_fresh})})


def begin_learning(model: Any, config: Any, tokenizer: str | Path) -> Learner:
    """Freeze what shall not learn, and put in what shall learn instead.

    Args:
        config: a settled `PretrainConfig`, of which `trains`, `lora`, `new_rows_rate` and `head_warmup_share`
            count.
        tokenizer: its folder, which says which tokens were added to the checkpoint's vocabulary.

    Raises:
        InputError: for layers or matrices that the model has not, a rate for rows where no token was added,
            a head to warm up where none learns, a low-rank change beside a copy of the encoder; without peft.
    """
    extension = read_extension(tokenizer)
    added = extension.new_ids if extension is not None else range(0)
    tables = token_tables(model, added.stop) if added else []
    if config.new_rows_rate != 1.0 and not tables:
        raise _without_rows(model, tokenizer, added)
    leave_out(model, config.trains)
    fixed = frozenset[int]()
    if config.lora is not None:
        _refuse_copies(model)
        before = {name: p for name, p in head_weights(model).items() if p.requires_grad}
        inject_lora(model, config.lora, config.seed)
        for name, weight in before.items():  # what objectives train beside the model goes on
            weight.requires_grad_(config.lora.head or is_of_heads(name))
        fixed = _fixed(tables, head_fixed=not config.lora.head)
    elif not config.trains.embeddings:
        fixed = _fixed(tables, head_fixed=False)
    for table in tables:
        table.weight.requires_grad_(True)
    _require_head(model, config.head_warmup_share)
    return Learner(model, tables, added, config.new_rows_rate, fixed, config.head_warmup_share)


def _fixed(tables: list[Table], head_fixed: bool) -> frozenset[int]:
    """The tables whose other rows stay as they are: those of the embeddings, and maybe of the head."""
    return frozenset(id(table.weight) for table in tables if head_fixed or not table.is_head)


def _refuse_copies(model: Any) -> None:
    """A copy of the encoder that follows it weight by weight would not know of a change in it."""
    heads, kind = getattr(model, NAME, torch.nn.Module()), type(model.base_model)
    if any(name.endswith("encoder") and type(m) is kind for name, m in heads.named_modules()):
        raise InputError(
            "lora: a bank of contrastive keeps a copy of the encoder, which does not know the change",
            "leave the bank out: bank_size: 0 in the settings of contrastive, or train without lora",
        )


def _without_rows(model: Any, tokenizer: str | Path, added: range) -> InputError:
    if not added:
        return InputError(
            f"new_rows_rate: {tokenizer} has no {EXTENSION_FILE}, so no token was added",
            "leave it out, or extend the tokenizer and prepare the data with it",
        )
    return InputError(
        f"new_rows_rate: {type(model).__name__} has no plain table of tokens as it is trained here",
        "leave it out",
    )


def _require_head(model: Any, warmup_share: float) -> None:
    if warmup_share and not any(p.requires_grad for p in head_weights(model).values()):
        raise InputError(
            f"head_warmup_share: {type(model).__name__} has no head that learns", "leave it out"
        )
