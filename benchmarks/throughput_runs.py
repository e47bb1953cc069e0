"""The parts of `throughput` that run in processes of their own: one training by either way."""

from __future__ import annotations

import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

WARMUP_STEPS = 2


class StepClock(TrainerCallback):
    """Seconds and tokens from the end of the warm-up to the last step."""

    def __init__(self, steps: int) -> None:
        self.steps, self.seconds, self.tokens = steps, 0.0, 0
        self.trainer: Any = None
        self._started = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seen = getattr(self.trainer, "tokens_this_run", 0)
        if state.global_step == WARMUP_STEPS:
            self._started, self.tokens = time.perf_counter(), seen
        elif state.global_step == WARMUP_STEPS + self.steps:
            self.seconds, self.tokens = time.perf_counter() - self._started, seen - self.tokens


def _forget_peak() -> float:
    """Begin a new peak, where the system can (Linux); the memory held now, in GB."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _peak_gb()


def _peak_gb() -> float:
    """The most memory this process has held since."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _import_all() -> None:
    """What either way imports, so that libraries count on neither side."""
    import datasets
    from transformers import AutoModelForMaskedLM, BertForMaskedLM, ModernBertForMaskedLM, Trainer

    import mlm_pretrain.training.assembling

    assert all((datasets, AutoModelForMaskedLM, BertForMaskedLM, ModernBertForMaskedLM, Trainer))
    assert mlm_pretrain.training.assembling


def _timed(trainer: Any, given: dict[str, Any], before_gb: float) -> dict[str, Any]:
    clock = StepClock(given["steps"])
    clock.trainer = trainer
    trainer.add_callback(clock)
    trainer.train()
    tokens = clock.tokens or given["rows"] * given["length"] * given["steps"]
    return {
        "tokens_per_second": tokens / clock.seconds,
        "peak_gb": _peak_gb() - before_gb,
    }


def stock(given: dict[str, Any]) -> dict[str, Any]:
    """As transformers' masked-LM example: group_texts blocks, its collator, Trainer, defaults."""
    from transformers import AutoTokenizer

    from benchmarks.stock import stock_blocks, stock_trainer

    _import_all()
    folder = Path(given["folder"])
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    blocks = stock_blocks(folder / "text.jsonl", tokenizer, given["length"], folder / "cache")
    before_gb = _forget_peak()
    trainer = stock_trainer(
        given["arch"], tokenizer, blocks, given["length"], output_dir=str(folder / "run"),
        max_steps=WARMUP_STEPS + given["steps"], per_device_train_batch_size=given["rows"],
    )  # fmt: skip
    return _timed(trainer, given, before_gb)


def ours(given: dict[str, Any]) -> dict[str, Any]:
    """The package's own trainer, optimiser and precision, as `pretrain` builds them."""
    from mlm_pretrain.modeling.flops import matrix_rate
    from mlm_pretrain.precision import resolve_precision
    from mlm_pretrain.training.assembling import assemble, build_trainer
    from mlm_pretrain.training.callbacks.flops import FlopsCallback
    from mlm_pretrain.training.pretrain_config import PretrainConfig

    _import_all()
    folder = Path(given["folder"])
    config = PretrainConfig(
        data=str(folder / "data"), out=str(folder / "run"), arch=given["arch"],
        steps=WARMUP_STEPS + given["steps"], batch_size=given["rows"],
    )  # fmt: skip
    before_gb = _forget_peak()
    materials = assemble(config)
    trainer = build_trainer(materials)
    trainer.args.save_strategy = "no"
    cost = FlopsCallback(trainer, WARMUP_STEPS)
    trainer.add_callback(cost)
    result = _timed(trainer, given, before_gb)
    precision = resolve_precision("auto")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    rate = matrix_rate(dtype, next(materials.model.parameters()).device)
    used = cost.flops_a_step / cost.tokens_a_step * result["tokens_per_second"]
    facts = {"precision": precision, "attention": materials.config.attention}
    return {**result, **facts, "share_of_matrix_rate": used / rate}


def cache(given: dict[str, Any]) -> dict[str, Any]:
    """The stock side's rows, made once and read by its measurements."""
    from transformers import AutoTokenizer

    from benchmarks.stock import stock_blocks

    folder = Path(given["folder"])
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    blocks = stock_blocks(folder / "text.jsonl", tokenizer, given["length"], folder / "cache")
    return {"rows": len(blocks)}


CHILDREN = {"stock": stock, "ours": ours, "cache": cache}
