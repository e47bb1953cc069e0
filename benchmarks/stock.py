"""The usual way, written from the libraries' public classes as their own example does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# As published: BERT and its like have dropout, ModernBERT has none.
STOCK_DROPOUT = {"bert": 0.1, "roberta": 0.1, "distilbert": 0.1, "electra": 0.1}
STOCK_MASK_SHARE = 0.15


def group_texts(rows: dict[str, list[list[int]]], length: int) -> dict[str, list[list[int]]]:
    """Join everything in the batch and cut it every `length` tokens; the rest is dropped."""
    joined = {name: [token for row in column for token in row] for name, column in rows.items()}
    total = len(next(iter(joined.values()))) // length * length
    starts = range(0, total, length)
    return {
        name: [column[start : start + length] for start in starts]
        for name, column in joined.items()
    }


def stock_blocks(text: str | Path, tokenizer: Any, length: int, cache: Path) -> Any:
    """A JSON-lines file as the example's rows: tokenised in batches, joined, cut."""
    from datasets import load_dataset

    raw = load_dataset("json", data_files=str(text), split="train", cache_dir=str(cache))
    tokenised = raw.map(
        lambda rows: tokenizer(rows["text"], return_special_tokens_mask=True),
        batched=True, remove_columns=raw.column_names,
    )  # fmt: skip
    return tokenised.map(group_texts, batched=True, fn_kwargs={"length": length})


def stock_trainer(arch: str, tokenizer: Any, blocks: Any, length: int, **settings: Any) -> Any:
    """`Trainer` on `blocks` with the example's collator; `settings` go to TrainingArguments."""
    import torch
    from transformers import (
        AutoModelForMaskedLM,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
    )

    from mlm_pretrain.modeling.sizes import build_config

    quiet = {"save_strategy": "no", "logging_steps": 1_000_000, "disable_tqdm": True}
    torch.manual_seed(0)
    return Trainer(
        model=AutoModelForMaskedLM.from_config(
            build_config(
                arch, tokenizer, length, dropout=STOCK_DROPOUT.get(arch.partition(":")[0], 0.0)
            )
        ),
        args=TrainingArguments(**{**quiet, "use_cpu": not torch.cuda.is_available(), **settings}),
        train_dataset=blocks,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=STOCK_MASK_SHARE),
    )
