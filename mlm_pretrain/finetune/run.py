"""One fine-tuning run, from files to a scored model folder."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm_pretrain.config import StrictConfig
from mlm_pretrain.environment import is_out_of_memory, process_rank
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import model as models
from mlm_pretrain.finetune.adaptation import (
    adapted,
    save,
    trained_parameters,
)
from mlm_pretrain.finetune.analysis import FILE as ANALYSIS
from mlm_pretrain.finetune.batching import Collator
from mlm_pretrain.finetune.carding import write_card
from mlm_pretrain.finetune.config import FinetuneConfig
from mlm_pretrain.finetune.outputs import (
    check_apart,
    check_running,
    claimed,
    save_tokenizer,
    write_results,
)
from mlm_pretrain.finetune.preparing import Prepared, pinned, prepare
from mlm_pretrain.finetune.task import OnEpoch, Writer
from mlm_pretrain.finetune.unlabelled import SPLIT as UNLABELLED
from mlm_pretrain.finetune.unlabelled import without_labels
from mlm_pretrain.manifest import write_json
from mlm_pretrain.progress import say
from mlm_pretrain.quiet import quiet_transformers

if TYPE_CHECKING:
    from mlm_pretrain.finetune.loop import FinetuneTrainer, KeepBest

_MULTIPLE = 8  # tokens that the length of a batch is rounded up to in bf16


def finetune(
    task: str, config: FinetuneConfig, overwrite: bool = False, on_epoch: OnEpoch | None = None
) -> dict[str, Any]:
    """Train `task` (a name in `kinds.TASKS`), keep the best epoch or the last, score it and save it.

    "sentiment" is any classification of a text or a pair, "cloze" the same by the words a masked
    language model puts into a gap (for few labels), "multilabel" several labels of one,
    "regression" a quantity of one, "ner" any tagging of tokens, "qa" SQuAD 1.1 or 2.0,
    "summarization" and "translation" any text for a text. Writes a `from_pretrained` folder with
    predictions_{validation,test,unlabelled}.jsonl, metrics.json, manifest.json and, for classes,
    analysis.json (see `analysis`). Under torchrun the processes share the work and the first writes.

    Args:
        on_epoch: gets what is added to `history`, the validation scores of an epoch; what it raises ends
            the run.

    Returns:
        `metrics` a split (shares of 1; `loss` in nats), `best_epoch`, `history` an epoch that was scored,
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
        config = pinned(config)
        prepared = prepare(task, config)
        opened = models.load_model(prepared.task.auto_class, prepared.settings, config)
        prepared.task.attach(*opened)
        if first and overwrite:  # what lies there goes only once the inputs are known to be good
            stack.enter_context(claimed(config.out, overwrite=True))
        stack.enter_context(_telling_of_memory(config))
        result = _train(prepared, *opened, config, on_epoch)
    return {"task": task, **result, "seconds": round(time.perf_counter() - started, 1)}


def plan(task: str, config: FinetuneConfig) -> dict[str, Any]:
    """What `finetune` would do, in numbers, after all its checks; trains and writes nothing."""
    with quiet_transformers():
        prepared = prepare(task, pinned(config))
    return {"task": task, "model": config.model, "out": config.out, **prepared.facts}


@contextlib.contextmanager
def _telling_of_memory(config: FinetuneConfig) -> Iterator[None]:
    """Say what to lower where memory runs out."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            f"out of memory with {config.batch_size} rows at a time "
            f"({str(error).strip().splitlines()[-1]})",
            "lower batch_size and raise accumulation as much, or lower max_length",
        ) from None


def _train(
    prepared: Prepared,
    model: Any,
    fresh: list[str],
    config: FinetuneConfig,
    on_epoch: OnEpoch | None,
) -> dict[str, Any]:
    from mlm_pretrain.modeling.few_rows import train_all_rows, train_few_rows

    model = adapted(model, config)
    facts = {**prepared.facts, "trained_parameters": trained_parameters(model)}
    draft, final = prepared.task.writers(model, prepared.train)
    if config.adapt == "full":
        train_few_rows(model, _ids_read(prepared))
    trainer = trainer_of(prepared, model, config)
    keeper = _keeper(trainer, prepared, draft, config, on_epoch)
    train_loss = trainer.train().training_loss
    model.load_state_dict(keeper.weights)
    # Validation as it was after the best epoch, where it need not be written out more carefully now.
    known = {"validation": keeper.found} if draft is final else {}
    metrics, predictions = _scored(trainer, prepared, final, known)
    train_all_rows(model)
    result = {
        "model": config.model, "out": config.out, "metrics": metrics,
        "best_epoch": keeper.best_epoch, "history": keeper.history, "train_loss": train_loss,
        **facts, **_done(trainer, facts),
        "new_weights": len(fresh) if not config.random_weights else "all",
    }  # fmt: skip
    if process_rank() == 0:
        _save(model, prepared, config, result, predictions)
    return result


def _keeper(
    trainer: FinetuneTrainer,
    prepared: Prepared,
    draft: Writer | None,
    config: FinetuneConfig,
    on_epoch: OnEpoch | None,
) -> KeepBest:
    """Scores the validation split after every epoch, and has the weights of the best one."""
    from mlm_pretrain.finetune.loop import KeepBest, ShowProgress

    keeper = KeepBest(
        lambda: evaluate_split(trainer, prepared, "validation", draft),
        prepared.facts["best_by"],
        config.patience,
        on_epoch,
        only_last=config.keep == "last",
    )
    trainer.add_callback(keeper)
    trainer.add_callback(ShowProgress("fine-tuning", keeper))
    return keeper


def _done(trainer: FinetuneTrainer, facts: dict[str, Any]) -> dict[str, Any]:
    """Steps and epochs made, fewer than planned where `patience` ended it."""
    done = trainer.state.global_step
    return {"steps": done, "epochs": round(facts["epochs"] * done / facts["steps"], 2)}


def _scored(
    trainer: FinetuneTrainer, prepared: Prepared, final: Writer | None, known: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Scores and predictions a split; none without labels has scores."""
    found = {
        split: known.get(split) or evaluate_split(trainer, prepared, split, final)
        for split in prepared.splits
    }
    metrics = {split: scores for split, (scores, _) in found.items() if split != UNLABELLED}
    return metrics, without_labels({split: rows for split, (_, rows) in found.items()})


def _ids_read(prepared: Prepared) -> Any:
    """Ids of the tokens (N) that training reads, padding among them."""
    import numpy as np
    import torch

    rows = [feature.inputs["input_ids"] for feature in prepared.train]
    padding = prepared.tokenizer.pad_token_id
    is_read = np.zeros(1 + max(padding, *(int(ids.max()) for ids in rows)), np.bool_)
    is_read[padding] = True
    for ids in rows:
        is_read[ids] = True
    return torch.from_numpy(is_read.nonzero()[0])


def trainer_of(prepared: Prepared, model: Any, config: FinetuneConfig) -> FinetuneTrainer:
    """What trains `model`, and what asks it."""
    from mlm_pretrain.finetune.loop import build_trainer

    task, facts = prepared.task, prepared.facts
    # Processors compile bf16 products for each shape (see modeling/shapes.py), and GPUs like whole eights.
    multiple = _MULTIPLE if facts["precision"] == "bf16" else 1
    collator = Collator(
        prepared.tokenizer.pad_token_id, task.label_per_token, task.decoder_inputs,
        multiple=multiple, max_length=facts["max_length"],
    )  # fmt: skip
    return build_trainer(
        model, prepared.train, collator, config,
        facts["steps"], facts["learning_rate"], facts["embedding_rate"], facts["precision"],
        task.criterion,
    )  # fmt: skip


def evaluate_split(
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
    revision = config.revision or getattr(prepared.settings, "_commit_hash", None)
    if config.save_model:
        save(model, folder)
        save_tokenizer(prepared.tokenizer, config.model, folder)
        write_card(prepared, config, result, revision)
    scored = {split: predictions[split] for split in result["metrics"]}
    if analysis := prepared.task.analyse(scored):
        write_json(folder / ANALYSIS, analysis)
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
