"""The loss: independent of how a batch is divided and padded, and equal to its definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from tiny_problems import (
    mentions,
    opinions,
    praise,
    questions,
    subjects,
    tiny_config,
    wordpiece,
)

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS, FinetuneConfig
from mlm_pretrain.finetune.batching import Collator
from mlm_pretrain.finetune.loop import FinetuneTrainer, build_trainer, predict
from mlm_pretrain.finetune.loss import summed_loss, task_logits

PROBLEMS = {
    "sentiment": opinions, "multilabel": subjects, "regression": praise, "ner": mentions,
    "qa": questions,
}  # fmt: skip
# Of outputs and labels (C), what the loss of quantities and of several labels is, written out.
DIFFERENCES = {
    "regression": lambda out, label: ((out - label) ** 2).sum(),
    "multilabel": lambda out, label: (
        -torch.where(label == 1, torch.sigmoid(out).log(), (1 - torch.sigmoid(out)).log()).sum()
    ),
}


def trainer_of(task_name: str, write: Any, **settings: Any) -> Any:
    """A trainer over 16 rows of very different lengths on a tiny BERT with fixed weights."""
    rows = PROBLEMS[task_name](16, 0)
    config = FinetuneConfig(
        model="m", train=write(f"{task_name}.jsonl", rows), validation="v", out="o", **settings
    )
    tokenizer = wordpiece()
    task = TASKS[task_name](config)
    examples = task.read(config.train, "train")
    task.learn(examples)
    features = task.encode(examples, tokenizer, ("input_ids", "attention_mask"), 64)
    transformers.set_seed(0)
    settings_ = tiny_config("bert", len(tokenizer), tokenizer.pad_token_id)
    settings_.num_labels = len(task.labels)
    model = getattr(transformers, task.auto_class).from_config(settings_)
    collator = Collator(tokenizer.pad_token_id, task.label_per_token)
    share = 1.0 if config.embedding_rate is None else config.embedding_rate
    trainer = build_trainer(
        model, features, collator, config, 1, 1e-3, share, "fp32", task.criterion
    )
    return task, trainer


class Gradients(transformers.TrainerCallback):
    """All gradients as the optimizer gets them."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        parts = [p.grad.flatten() for p in kwargs["model"].parameters() if p.grad is not None]
        self.found = torch.cat(parts).clone()


@pytest.mark.parametrize("task_name", list(PROBLEMS))
def test_a_step_does_not_depend_on_accumulation(task_name: str, write: Any) -> None:
    steps = []
    for batch_size, accumulation in ((16, 1), (4, 4), (1, 16)):
        _, trainer = trainer_of(task_name, write, batch_size=batch_size, accumulation=accumulation)
        recorder = Gradients()
        trainer.add_callback(recorder)
        trainer.train()
        log = trainer.state.log_history[0]
        steps.append((log["loss"], float(log["grad_norm"]), recorder.found))
    for loss, norm, gradients in steps[1:]:
        assert loss == pytest.approx(steps[0][0], abs=1e-5)
        assert norm == pytest.approx(steps[0][1], rel=1e-5, abs=1e-5)
        assert torch.allclose(gradients, steps[0][2], atol=1e-6)
        assert norm > 0


def test_embeddings_move_at_their_share_of_the_rate(write: Any) -> None:
    moved = []
    for share in (1.0, 0.1, 0.0):
        _, trainer = trainer_of("sentiment", write, embedding_rate=share, warmup_share=0)
        before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
        trainer.train()
        moved.append({n: p.detach() - before[n] for n, p in trainer.model.named_parameters()})
    tables = {name for name in moved[0] if name.endswith("_embeddings.weight")}
    assert len(tables) == 3 and all(moved[0][name].abs().max() > 1e-4 for name in tables)
    for name, full in moved[0].items():
        slow, frozen = (0.1 * full, 0 * full) if name in tables else (full, full)
        torch.testing.assert_close(moved[1][name], slow, rtol=1e-3, atol=1e-7)
        torch.testing.assert_close(moved[2][name], frozen, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("task_name", list(PROBLEMS))
def test_the_logged_loss_is_the_mean_over_all_labels(task_name: str, write: Any) -> None:
    """Against −log p(label), or what quantities have, taken row by row without any padding."""
    task, trainer = trainer_of(task_name, write, batch_size=4, accumulation=4)
    total, items = 0.0, 0
    with torch.no_grad():
        for feature in trainer.train_dataset:
            inputs = {name: torch.tensor([ids.tolist()]) for name, ids in feature.inputs.items()}
            outputs = trainer.model.eval()(**inputs)
            if task_name == "qa":
                heads = [outputs["start_logits"][0], outputs["end_logits"][0]]
                allowed = torch.tensor(feature.allowed)
                rows = [head.masked_fill(~allowed, -torch.inf) for head in heads]
            else:
                rows = list(outputs["logits"].flatten(0, -2))
            if task_name in DIFFERENCES:
                total += DIFFERENCES[task_name](rows[0], torch.tensor(feature.labels)).item()
                items += len(feature.labels)
                continue
            for row, label in zip(rows, feature.labels, strict=True):
                if label != -100:
                    total -= float(row.log_softmax(-1)[label])
                    items += 1
    _, loss = predict(trainer, trainer.train_dataset, task.keep)
    assert loss == pytest.approx(total / items, abs=1e-5)
    trainer.train()
    assert trainer.state.log_history[0]["loss"] == pytest.approx(total / items, abs=1e-5)


def test_padding_does_not_change_the_loss_of_answers() -> None:
    torch.manual_seed(0)
    ends = {"start_logits": torch.randn(2, 7), "end_logits": torch.randn(2, 7)}
    allowed = torch.tensor([[True] * 5 + [False] * 2] * 2)
    labels = torch.tensor([[0, 4], [1, 1]])
    short = {name: logits[:, :5] for name, logits in ends.items()}
    padded = summed_loss(task_logits(ends, allowed), labels)
    assert torch.equal(padded, summed_loss(task_logits(short, allowed[:, :5]), labels))


def test_an_infinite_loss_stops_at_its_step(write: Any) -> None:
    _, trainer = trainer_of("sentiment", write, batch_size=4)
    with torch.no_grad():
        trainer.model.classifier.weight.fill_(torch.inf)
    with pytest.raises(InputError, match="loss is nan at step 1"):
        trainer.train()


def test_the_order_is_fixed_by_the_seed_and_shared_by_length(write: Any) -> None:
    orders = []
    for seed in (0, 0, 1):
        _, trainer = trainer_of("sentiment", write, batch_size=2, seed=seed)
        orders.append(list(trainer._get_train_sampler()))
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(16))


def test_a_batch_is_that_of_one_device_however_many_there_are(write: Any) -> None:
    """Four GPUs without torchrun: the Trainer would take four batches at once and split the loss."""
    _, built = trainer_of("sentiment", write, batch_size=4, accumulation=2)
    args = built.args
    args._n_gpu = 4
    parts = {"train_dataset": built.train_dataset, "data_collator": built.data_collator}
    trainer = FinetuneTrainer(model=built.model, args=args, **parts)
    assert trainer._train_batch_size == trainer.get_train_dataloader().batch_sampler.batch_size == 4
    assert trainer.get_total_train_batch_size(args) == 8
    assert trainer._wrap_model(built.model) is built.model
