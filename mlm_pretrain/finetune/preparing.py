"""What a run needs, read, checked and encoded before anything is trained."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import model as models
from mlm_pretrain.finetune.adaptation import check_adaptation
from mlm_pretrain.finetune.batching import Feature
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.kinds import TASKS
from mlm_pretrain.finetune.prompts import WAYS
from mlm_pretrain.finetune.schedule import schedule
from mlm_pretrain.finetune.task import Task
from mlm_pretrain.finetune.unlabelled import SPLIT as UNLABELLED
from mlm_pretrain.finetune.unlabelled import read_unlabelled
from mlm_pretrain.hub import resolve_commit


@dataclass
class Prepared:
    """Everything a run needs that can be checked before training. `splits` hold examples and
    features by name: "validation" and, when given, "test" and "unlabelled"."""

    task: Task[Any]
    tokenizer: Any
    settings: Any
    train_examples: int
    train: list[Feature]
    splits: dict[str, tuple[list[Any], list[Feature]]]
    facts: dict[str, Any]


def pinned(config: FinetuneConfig) -> FinetuneConfig:
    """Of a Hub name the commit, so that configuration, tokenizer and weights are of one."""
    commit = resolve_commit(config.model, config.revision)
    return config.model_copy(update={"revision": commit or config.revision})


def prepare(name: str, config: FinetuneConfig) -> Prepared:
    if name not in TASKS:
        raise InputError(f"unknown task '{name}'", f"one of {', '.join(TASKS)}")
    task = TASKS[name](config)
    task.check_settings(name)
    examples = {"train": task.read(config.train, "train")}
    task.learn(examples["train"])
    for split, spec in (("validation", config.validation), ("test", config.test)):
        if spec is not None:
            examples[split] = task.read(spec, split)
            task.check(examples[split], spec)
    examples["validation"] = _drawn(task, examples["validation"], config)
    if config.unlabelled is not None:
        examples[UNLABELLED] = read_unlabelled(name, task, config.unlabelled)
    train = examples.pop("train")
    if config.max_train_examples is not None and config.max_train_examples < len(train):
        train = task.subset(train, config.max_train_examples, config.seed)
    task.settle(train)
    return _encode(task, config, train, examples)


def _drawn(task: Task[Any], examples: list[Any], config: FinetuneConfig) -> list[Any]:
    """So many as are asked for at most, the same ones in every run, in their order."""
    most = config.max_validation_examples
    if most is None or most >= len(examples):
        return examples
    places = sorted(random.Random(0).sample(range(len(examples)), most))
    drawn = [examples[place] for place in places]
    task.check(drawn, f"{config.validation}, the {most} drawn of it")
    return drawn


def _encode(
    task: Task[Any], config: FinetuneConfig, train: list[Any], held_out: dict[str, list[Any]]
) -> Prepared:
    best_by = task.best_by()
    settings = models.load_config(config.model, config, task.labels)
    models.check_weights(config)
    tokenizer = models.load_tokenizer(config.model, task.needs_offsets, config.revision)
    models.check_vocabulary(config.model, tokenizer, settings)
    settings.pad_token_id = tokenizer.pad_token_id
    settings.problem_type = task.problem_type
    skeleton = models.build_skeleton(task.auto_class, settings, config.model)
    check_adaptation(skeleton, config)
    own_facts = task.adapt(skeleton, tokenizer)
    # Vectors before a text take positions of the model's.
    taken = config.virtual_tokens if config.adapt in WAYS else 0
    length = models.usable_length(config.model, skeleton, tokenizer, config.max_length, taken)
    names = models.input_names(skeleton)
    features = task.encode(train, tokenizer, names, length, training=True)
    splits = {
        split: (found, task.encode(found, tokenizer, names, length))
        for split, found in held_out.items()
    }
    named = task.labels if len(task.labels) <= 50 else len(task.labels)
    facts = {
        **({} if task.writes else {"labels": named}),
        "train_examples": len(train),
        "train_rows": len(features),
        **{f"{split}_examples": len(found) for split, found in held_out.items()},
        "parameters": sum(parameter.numel() for parameter in skeleton.parameters()),
        "max_length": length,
        **own_facts,
        "best_by": best_by,
        "random_weights": config.random_weights,
        **schedule(config, len(features), models.width_of(settings), task.writes),
        "counts": {key: int(count) for key, count in sorted(task.counts.items())},
    }
    return Prepared(task, tokenizer, settings, len(train), features, splits, facts)
