"""One fine-tuning run, from files to a scored model folder."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.environment import process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import model as models
from mlm_pretrain.finetune.adaptation import (
    adapted,
    check_adaptation,
    save,
    trained_parameters,
)
from mlm_pretrain.finetune.analysis import FILE as ANALYSIS
from mlm_pretrain.finetune.answering import Answering
from mlm_pretrain.finetune.batching import Collator, Feature
from mlm_pretrain.finetune.classification import Classification
from mlm_pretrain.finetune.cloze import Cloze
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.multilabel import MultiLabel
from mlm_pretrain.finetune.outputs import (
    check_apart,
    check_running,
    claimed,
    save_tokenizer,
    write_results,
)
from mlm_pretrain.finetune.prompts import WAYS
from mlm_pretrain.finetune.regression import Regression
from mlm_pretrain.finetune.schedule import schedule
from mlm_pretrain.finetune.summarization import Summarization
from mlm_pretrain.finetune.tagging import Tagging
from mlm_pretrain.finetune.task import OnEpoch, Task, Writer
from mlm_pretrain.finetune.translation import Translation
from mlm_pretrain.finetune.unlabelled import SPLIT as UNLABELLED
from mlm_pretrain.finetune.unlabelled import read_unlabelled, without_labels
from mlm_pretrain.hub import resolve_commit
from mlm_pretrain.manifest import write_json
from mlm_pretrain.progress import say
from mlm_pretrain.quiet import quiet_transformers

TASKS: dict[str, type[Task[Any]]] = {
    "sentiment": Classification,
    "cloze": Cloze,
    "multilabel": MultiLabel,
    "regression": Regression,
    "ner": Tagging,
    "qa": Answering,
    "summarization": Summarization,
    "translation": Translation,
}


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


def finetune(
    task: str, config: FinetuneConfig, overwrite: bool = False, on_epoch: OnEpoch | None = None
) -> dict[str, Any]:
    """Train `task` (a name in `TASKS`), keep the best epoch, score it and save it.

    "sentiment" is any classification of a text or a pair, "cloze" the same by the words a masked
    language model puts into a gap (for few labels), "multilabel" several labels of one,
    "regression" a quantity of one, "ner" any tagging of tokens, "qa" SQuAD 1.1 or 2.0,
    "summarization" and "translation" any text for a text. Writes a `from_pretrained` folder with
    predictions_{validation,test,unlabelled}.jsonl, metrics.json, manifest.json and, for classes,
    analysis.json (see `analysis`). Under torchrun the processes share the work and the first writes.

    Args:
        on_epoch: gets the validation scores of each epoch, as `history` has them; what it raises ends
            the run.

    Returns:
        `metrics` a split (shares of 1; `loss` in nats), `best_epoch`, `history` an epoch,
        `train_loss` over all steps, the settings that rules chose, counts of what was cut, dropped
        or repaired, and `seconds`.

    Raises:
        InputError: for data, model, settings or an output folder that cannot be used; all but a
            loss that is not finite are found before training.
    """
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_transformers())
        first = process_rank() == 0
        if first:
            files = [config.train, config.validation, config.test, config.unlabelled]
            check_apart(config.out, [config.model, *files])
            check_running(config.out)
            if not overwrite:  # nothing is lost by claiming early, and hours may be saved
                stack.enter_context(claimed(config.out, overwrite=False))
        config = _pinned(config)
        prepared = _prepare(task, config)
        opened = models.load_model(prepared.task.auto_class, prepared.settings, config)
        prepared.task.attach(*opened)
        if first and overwrite:  # what lies there goes only once the inputs are known to be good
            stack.enter_context(claimed(config.out, overwrite=True))
        result = _train(prepared, *opened, config, on_epoch)
    return {"task": task, **result, "seconds": round(time.perf_counter() - started, 1)}


def plan(task: str, config: FinetuneConfig) -> dict[str, Any]:
    """What `finetune` would do, in numbers, after all its checks; trains and writes nothing."""
    with quiet_transformers():
        prepared = _prepare(task, _pinned(config))
    return {"task": task, "model": config.model, "out": config.out, **prepared.facts}


def _pinned(config: FinetuneConfig) -> FinetuneConfig:
    """Of a Hub name the commit, so that configuration, tokenizer and weights are of one."""
    commit = resolve_commit(config.model, config.revision)
    return config.model_copy(update={"revision": commit or config.revision})


def _prepare(name: str, config: FinetuneConfig) -> Prepared:
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
    if config.unlabelled is not None:
        examples[UNLABELLED] = read_unlabelled(name, task, config.unlabelled)
    train = examples.pop("train")
    if config.max_train_examples is not None and config.max_train_examples < len(train):
        train = task.subset(train, config.max_train_examples, config.seed)
    return _encode(task, config, train, examples)


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


def _train(
    prepared: Prepared,
    model: Any,
    fresh: list[str],
    config: FinetuneConfig,
    on_epoch: OnEpoch | None,
) -> dict[str, Any]:
    from mlm_pretrain.finetune.loop import KeepBest, ShowProgress, build_trainer

    task, facts = prepared.task, prepared.facts
    pad = prepared.tokenizer.pad_token_id
    collator = Collator(pad, task.label_per_token, task.decoder_inputs)
    model = adapted(model, config)
    facts = {**facts, "trained_parameters": trained_parameters(model)}
    draft, final = task.writers(model, prepared.train)
    trainer = build_trainer(
        model, prepared.train, collator, config,
        facts["steps"], facts["learning_rate"], facts["embedding_rate"], facts["precision"],
        task.criterion,
    )  # fmt: skip
    keeper = KeepBest(
        lambda: _evaluate(trainer, prepared, "validation", draft)[0],
        facts["best_by"],
        config.patience,
        on_epoch,
    )
    trainer.add_callback(keeper)
    trainer.add_callback(ShowProgress("fine-tuning", keeper))
    train_loss = trainer.train().training_loss
    done = trainer.state.global_step  # fewer than planned where `patience` ended it
    epochs = round(facts["epochs"] * done / facts["steps"], 2)
    facts = {**facts, "steps": done, "epochs": epochs}
    model.load_state_dict(keeper.weights)
    metrics, predictions = {}, {}
    for split in prepared.splits:
        metrics[split], predictions[split] = _evaluate(trainer, prepared, split, final)
    metrics.pop(UNLABELLED, None)
    predictions = without_labels(predictions)
    result = {
        "model": config.model, "out": config.out, "metrics": metrics,
        "best_epoch": keeper.best_epoch, "history": keeper.history, "train_loss": train_loss, **facts,
        "new_weights": len(fresh) if not config.random_weights else "all",
    }  # fmt: skip
    if process_rank() == 0:
        _save(model, prepared, config, result, predictions)
    return result


def _evaluate(
    trainer: Any, prepared: Prepared, split: str, write: Writer | None
) -> tuple[dict[str, Any], list[Any]]:
    """Scores and rows of predictions. The first process scores; all get the scores."""
    from mlm_pretrain.finetune.loop import gather_objects, predict

    examples, features = prepared.splits[split]
    outputs, loss = predict(trainer, features, prepared.task.keep, write)
    scores, rows = {}, []
    if trainer.args.process_index == 0:
        rows = prepared.task.decode(examples, features, outputs)
        if split != UNLABELLED:
            scores = {**prepared.task.score(rows), "loss": loss}
    return gather_objects(scores, trainer.args.world_size)[0], rows


def _save(
    model: Any,
    prepared: Prepared,
    config: FinetuneConfig,
    result: dict[str, Any],
    predictions: dict[str, list[Any]],
) -> None:
    folder = Path(config.out)
    if config.save_model:
        save(model, folder)
        save_tokenizer(prepared.tokenizer, config.model, folder)
    scored = {split: predictions[split] for split in result["metrics"]}
    if analysis := prepared.task.analyse(scored):
        write_json(folder / ANALYSIS, analysis)
    revision = config.revision or getattr(prepared.settings, "_commit_hash", None)
    counts = {
        key: value
        for key, value in result.items()
        if key not in ("model", "out", "metrics", "history", "labels", "counts")
    }
    write_results(
        folder, result["metrics"], predictions, _dump(config), {**counts, **result["counts"]},
        revision,
    )  # fmt: skip
    say(f"saved {folder}")


def _dump(config: StrictConfig) -> dict[str, Any]:
    return config.model_dump(mode="json")
