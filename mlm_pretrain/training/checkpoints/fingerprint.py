"""What a run's result depends on, as its checkpoints record it, and what has changed since."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel

from mlm_pretrain.environment import code_hash
from mlm_pretrain.manifest import hash_json
from mlm_pretrain.training.checkpoints.data_hash import hash_dataset
from mlm_pretrain.training.same_tokenizer import hash_tokenizer

# Of TrainingArguments: what changes an update. Batches are compared by the rows of a step.
_SETTINGS = (
    "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay", "optim",
    "optim_args", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm", "max_steps",
    "num_train_epochs", "seed", "data_seed", "bf16", "fp16", "dataloader_drop_last",
    "train_sampling_strategy", "neftune_noise_alpha", "per_device_train_batch_size",
    "gradient_accumulation_steps",
)  # fmt: skip
# Where the rate follows the evaluations, when they come.
_EVALUATION = ("eval_strategy", "eval_steps", "metric_for_best_model")
_SET_BY_TRAINING = {
    "_name_or_path", "_commit_hash", "transformers_version", "dtype", "torch_dtype", "use_cache",
    "architectures", "auto_map",
}  # fmt: skip
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")


def content_hashes(trainer: Any) -> dict[str, Any]:
    """Of data, tokenizer, model and code: what stays the same throughout a training."""
    return {
        "data": hash_dataset(trainer.train_dataset),
        "tokenizer": hash_tokenizer(trainer.processing_class),
        "model": hash_json(_shape(trainer.model)),
        "code": code_hash(),
    }


def fingerprint(trainer: Any) -> dict[str, Any]:
    """Settings, and hashes of data, tokenizer, model and code, of a `TokenTrainer`."""
    args = trainer.args
    settings = {name: _plain(getattr(args, name, None)) for name in _SETTINGS}
    if settings["lr_scheduler_type"] == "reduce_lr_on_plateau":
        settings |= {name: _plain(getattr(args, name, None)) for name in _EVALUATION}
    settings["collator"] = _collator(trainer)
    settings["curriculum"] = _plain(trainer.curriculum.facts() if trainer.curriculum else None)
    settings["replay"] = _plain(trainer.replay.identity() if trainer.replay else None)
    settings["learner"] = _plain(trainer.learner.identity() if trainer.learner else None)
    settings["first_epoch"] = trainer.first_epoch
    settings["processes"] = args.world_size
    settings["finds_batch"] = trainer.finds_batch
    settings["objective"] = trainer.objective.name
    settings["objective_config"] = _plain(trainer.objective_config)
    if trainer.optimizer is not None:  # the Trainer makes its own when it starts
        settings["optimizer"] = type(_unwrapped(trainer.optimizer)).__name__
    return {"settings": settings, **trainer.content_hashes}


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What would make a resumed run another one, each as "name: old → new".

    Where processes are more or fewer, or the batch is found by trying, a step must keep its rows alone. Other
    code is not listed: see `code_changed`.
    """
    old, new = dict(before["settings"]), dict(now["settings"])
    old = {
        "curriculum": None,
        "replay": None,
        "learner": None,
        "first_epoch": 0,
        **old,
    }  # of a checkpoint from before there were any
    rows = [_rows_a_step(settings) for settings in (old, new)]
    is_dealt_anew = old.pop("processes") != new.pop("processes")
    if new.pop("finds_batch") or is_dealt_anew:
        for name in _BATCH:
            del old[name]
        if rows[0] != rows[1]:
            old["rows_a_step"], new["rows_a_step"] = rows
    names = [name for name in new if name in old or name in _EVALUATION]
    listed = [f"{n}: {old.get(n)!r} → {new[n]!r}" for n in names if old.get(n) != new[n]]
    for name in ("data", "tokenizer", "model"):
        if before[name] != now[name]:
            listed.append(f"{name}: content {before[name]} → {now[name]}")
    return listed


def code_changed(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether this package's code is another than the one that wrote the checkpoint."""
    return bool(before["code"] != now["code"])


def _rows_a_step(settings: dict[str, Any]) -> int:
    batch, accumulation = (int(settings[name]) for name in _BATCH)
    return batch * accumulation * int(settings["processes"])


def _plain(value: Any) -> Any:
    """As it comes back from JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    value = getattr(value, "value", value)  # an enumeration's
    return value if isinstance(value, int | float | str | bool | None) else repr(value)


def _unwrapped(optimizer: Any) -> Any:
    return getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it


def _shape(model: Any) -> dict[str, Any]:
    """Class, parameters and settings, but for those that training or saving sets."""
    config: Any = getattr(model, "config", None)
    settings = config.to_dict() if hasattr(config, "to_dict") else {}
    kept = {k: repr(v) for k, v in settings.items() if k not in _SET_BY_TRAINING}
    return {
        "class": type(model).__name__,
        "parameters": {name: list(p.shape) for name, p in model.named_parameters()},
        "settings": {k: v for k, v in kept.items() if not k.endswith(("_token_id", "_token_ids"))},
    }


def _collator(trainer: Any) -> str:
    """What makes the batches, with its settings; the objective's own are compared by themselves."""
    collator = trainer.data_collator
    if trainer.makes_batches or collator is None:
        return "own"
    values = dict(sorted(getattr(collator, "__dict__", {}).items()))
    plain = {k: v for k, v in values.items() if isinstance(v, int | float | str | bool | None)}
    return f"{getattr(collator, '__qualname__', type(collator).__qualname__)} {plain}"
