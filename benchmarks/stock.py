"""The usual way, written from the libraries' public classes as their own example does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TIMING_STEPS, _FIRST_TIMED = 25, 5
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
    from transformers import AutoModelForMaskedLM

    from mlm_pretrain.modeling.sizes import build_config

    dropout = STOCK_DROPOUT.get(arch.partition(":")[0], 0.0)
    torch.manual_seed(0)
    model = AutoModelForMaskedLM.from_config(build_config(arch, tokenizer, length, dropout=dropout))
    return trainer_of(model, tokenizer, blocks, **settings)


def trainer_of(model: Any, tokenizer: Any, blocks: Any, **settings: Any) -> Any:
    """The same of a model that is there."""
    import torch
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

    quiet = {"save_strategy": "no", "logging_steps": 1_000_000, "disable_tqdm": True}
    return Trainer(
        model=model,
        args=TrainingArguments(**{**quiet, "use_cpu": not torch.cuda.is_available(), **settings}),
        train_dataset=blocks,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=STOCK_MASK_SHARE),
    )


def train_for(make: Callable[[int], Any], seconds: float) -> tuple[Any, float]:
    """A trainer that has trained for so long, and the minutes it took.

    Its schedule needs a number of steps, which is told from the speed of the first ones of a trainer that is
    then forgotten.

    Args:
        make: number of steps → a fresh trainer.
    """
    rate = steps_per_second(make(_TIMING_STEPS), seconds)
    trainer = make(max(1, round(seconds * rate)))
    ticks = _trained(trainer, seconds)
    return trainer, round((ticks[-1] - ticks[0]) / 60, 2)


def steps_per_second(trainer: Any, seconds: float) -> float:
    """Of a training of so many seconds at most, without its first steps."""
    timed = _trained(trainer, seconds)[_FIRST_TIMED:]
    return (len(timed) - 1) / (timed[-1] - timed[0])


def _trained(trainer: Any, seconds: float) -> list[float]:
    """Train for the trainer's steps or so many seconds: when it began, and when each step ended."""
    from transformers import TrainerCallback

    ticks = [time.perf_counter()]

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            ticks.append(time.perf_counter())
            is_over = ticks[-1] - ticks[0] > seconds
            control.should_training_stop |= is_over and len(ticks) > _FIRST_TIMED + 1

    trainer.add_callback(Clock())
    ticks[0] = time.perf_counter()
    trainer.train()
    return ticks
