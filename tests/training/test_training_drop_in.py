"""`MaskedLMTrainer` and `CausalLMTrainer` where a `transformers.Trainer` stood, on plain data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
import training_splits as splits
from drop_in import Examples, make_examples, make_trainer, mean_loss, scores
from transformers import (
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    MobileBertConfig,
    MobileBertForMaskedLM,
)

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.masked import MaskedCollator, MaskedConfig
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.training.trainers import TRAINERS, MaskedLMTrainer

ARCHS = ["bert:2x64", "gpt2:2x64"]
CONTAINERS: dict[str, Callable[[Examples], Any]] = {
    "list": list,
    "dataset": datasets.Dataset.from_list,
}


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Any:
    return AutoTokenizer.from_pretrained(prepared / "tokenizer")


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("arch", ARCHS)
def test_logged_loss_is_the_sum_over_the_number(
    arch: str, container: str, tokenizer: Any, tmp_path: Path
) -> None:
    examples = make_examples(tokenizer, 10, seed=1)
    trainer = make_trainer(
        arch, tokenizer, tmp_path, train_dataset=CONTAINERS[container](examples),
        per_device_train_batch_size=3, gradient_accumulation_steps=2,
        train_sampling_strategy="sequential",
    )  # fmt: skip
    trainer.train()
    logged = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    steps = [examples[:6], examples[6:]]
    assert logged == pytest.approx([mean_loss(trainer.model, s, arch) for s in steps], rel=1e-5)


@pytest.mark.parametrize("arch", ARCHS)
def test_it_learns(arch: str, tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 4, seed=2)
    trainer = make_trainer(
        arch, tokenizer, tmp_path, train_dataset=examples, learning_rate=1e-2, num_train_epochs=15
    )
    before = mean_loss(trainer.model, examples, arch)
    trainer.train()
    assert mean_loss(trainer.model, examples, arch) < 0.8 * before


def test_examples_without_labels_are_masked(tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 6, seed=3, labelled=False)
    trainer = make_trainer(
        "bert:2x64", tokenizer, tmp_path, train_dataset=datasets.Dataset.from_list(examples),
        eval_dataset=datasets.Dataset.from_list(examples), per_device_eval_batch_size=4,
    )  # fmt: skip
    trainer.train()
    collate = MaskedCollator(read_vocabulary(tokenizer), MaskedConfig(), trainer.args.seed)
    masked = []
    for number, example in enumerate(examples):
        batch = collate([{**example, "epoch": EVALUATION_EPOCH, "example": number}])
        length = len(example["input_ids"])
        masked.append({name: batch[name][0, :length].tolist() for name in ("input_ids", "labels")})
    expected = mean_loss(trainer.model, masked, "bert")
    assert trainer.evaluate()["eval_loss"] == pytest.approx(expected, rel=1e-5)


def test_examples_without_labels_need_a_tokenizer(tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 2, seed=3, labelled=False)
    model = splits.small_model("bert:2x64", tokenizer)
    with pytest.raises(InputError, match="processing_class"):
        TRAINERS["mlm"](model, splits.arguments(tmp_path), train_dataset=examples)


def test_own_collator_is_respected(tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 6, seed=4, labelled=False)
    stock = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.5)
    made: list[Any] = []

    def collate(rows: Examples) -> Any:
        assert all("text" not in row for row in rows)  # removed, as the stock Trainer does
        made.append(stock([{k: row[k] for k in ("input_ids", "attention_mask")} for row in rows]))
        return made[-1]

    trainer = make_trainer(
        "bert:2x64", tokenizer, tmp_path, train_dataset=examples, data_collator=collate,
        per_device_train_batch_size=6,
    )  # fmt: skip
    trainer.train()
    assert len(made) == 1
    with torch.no_grad():
        logits = trainer.model.eval()(made[0]["input_ids"], made[0]["attention_mask"]).logits
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), made[0]["labels"].flatten(), ignore_index=-100
    )
    logged = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert logged == pytest.approx([float(expected)], rel=1e-5)


@pytest.mark.parametrize("arch", ARCHS)
def test_evaluation_is_weighted_by_tokens(arch: str, tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 7, seed=5)
    trainer = make_trainer(
        arch, tokenizer, tmp_path, eval_dataset=examples, per_device_eval_batch_size=3
    )
    found = trainer.evaluate()
    expected = mean_loss(trainer.model, examples, arch)
    per_batch = [
        mean_loss(trainer.model, part, arch) for part in (examples[:3], examples[3:6], examples[6:])
    ]
    assert abs(np.mean(per_batch) - expected) > 2e-5 * expected  # the stock figure differs
    assert found["eval_loss"] == pytest.approx(expected, rel=2e-6)
    assert found["eval_perplexity"] == pytest.approx(np.exp(expected), rel=1e-4)


@pytest.mark.parametrize("arch", ARCHS)
def test_metrics_get_dense_aligned_scores(arch: str, tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 5, seed=6)
    given: list[Any] = []

    def metrics(prediction: Any) -> dict[str, float]:
        given.append(prediction)
        return {"answer": 42.0}

    trainer = make_trainer(
        arch, tokenizer, tmp_path, eval_dataset=examples, compute_metrics=metrics,
        per_device_eval_batch_size=2,
    )  # fmt: skip
    found = trainer.evaluate()
    assert found["eval_answer"] == 42.0
    assert found["eval_loss"] == pytest.approx(mean_loss(trainer.model, examples, arch), rel=1e-5)
    predicted = trainer.predict(examples)
    assert predicted.metrics["test_loss"] == pytest.approx(found["eval_loss"], rel=1e-6)
    for result in (given[0], predicted):
        assert result.predictions.shape == (*result.label_ids.shape, len(tokenizer))
        for example, logits, labels in zip(
            examples, result.predictions, result.label_ids, strict=True
        ):
            length = len(example["labels"])
            assert labels[:length].tolist() == example["labels"]
            assert set(labels[length:].tolist()) <= {-100}
            expected = scores(trainer.model, example["input_ids"]).numpy()
            np.testing.assert_allclose(logits[:length], expected, atol=1e-5)


@pytest.mark.parametrize("labelled", [True, False])
def test_several_evaluation_sets(labelled: bool, tokenizer: Any, tmp_path: Path) -> None:
    first = make_examples(tokenizer, 3, seed=7, labelled=labelled)
    second = make_examples(tokenizer, 4, seed=8, labelled=labelled)
    trainer = make_trainer(
        "bert:2x64", tokenizer, tmp_path, eval_dataset={"one": first, "two": second}
    )
    found = trainer.evaluate()
    alone = make_trainer("bert:2x64", tokenizer, tmp_path, eval_dataset=second).evaluate()
    assert found["eval_two_loss"] == pytest.approx(alone["eval_loss"], rel=1e-6)
    assert found["eval_one_loss"] != found["eval_two_loss"]


def test_mixed_labels_are_refused(tokenizer: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels"):
        make_trainer(
            "bert:2x64", tokenizer, tmp_path,
            train_dataset=make_examples(tokenizer, 2, seed=9, labelled=False),
            eval_dataset=make_examples(tokenizer, 2, seed=9),
        )  # fmt: skip


def test_a_stream_of_labelled_examples(tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 4, seed=10)
    stream = datasets.Dataset.from_list(examples).to_iterable_dataset()
    trainer = make_trainer(
        "bert:2x64", tokenizer, tmp_path, train_dataset=stream, max_steps=1,
        per_device_train_batch_size=4,
    )  # fmt: skip
    trainer.train()
    logged = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert logged == pytest.approx([mean_loss(trainer.model, examples, "bert")], rel=1e-5)


def test_a_stream_without_labels_is_refused(tokenizer: Any, tmp_path: Path) -> None:
    examples = make_examples(tokenizer, 4, seed=10, labelled=False)
    stream = datasets.Dataset.from_list(examples).to_iterable_dataset()
    trainer = make_trainer("bert:2x64", tokenizer, tmp_path, train_dataset=stream, max_steps=1)
    with pytest.raises(InputError, match="data_collator"):
        trainer.train()


@pytest.mark.parametrize("setting", ["label_smoothing_factor", "compute_loss_func"])
def test_another_loss_is_refused(setting: str, tokenizer: Any, tmp_path: Path) -> None:
    smoothing = {"label_smoothing_factor": 0.1} if setting == "label_smoothing_factor" else {}
    function = {"compute_loss_func": print} if setting == "compute_loss_func" else {}
    with pytest.raises(InputError, match=setting):
        TRAINERS["mlm"](
            model=splits.small_model("bert:2x64", tokenizer),
            args=splits.arguments(tmp_path, **smoothing),
            processing_class=tokenizer,
            train_dataset=make_examples(tokenizer, 2, seed=1),
            **function,
        )


def test_several_gpus_in_one_process_do_not_multiply_the_batch(
    tokenizer: Any, tmp_path: Path
) -> None:
    """`Trainer` counts rows for DataParallel, which is not used here."""
    arguments = splits.arguments(tmp_path, per_device_train_batch_size=3)
    arguments._n_gpu = 4
    trainer = TRAINERS["mlm"](
        model=splits.small_model("bert:2x64", tokenizer), args=arguments,
        train_dataset=make_examples(tokenizer, 12, seed=9), processing_class=tokenizer,
    )  # fmt: skip
    assert len(next(iter(trainer.get_train_dataloader()))["input_ids"]) == 3


def test_layers_computed_again_learn_the_same(tokenizer: Any, tmp_path: Path) -> None:
    """Activation checkpointing asked for by the arguments, which the model does not know of before."""
    rows = make_examples(tokenizer, 8, seed=1, labelled=False)
    logged = []
    for again in (False, True):
        trainer = make_trainer(
            "bert:2x64", tokenizer, tmp_path, train_dataset=rows, gradient_checkpointing=again,
            max_steps=2, per_device_train_batch_size=4, logging_steps=1,
        )  # fmt: skip
        trainer.train()
        logged.append([line["grad_norm"] for line in trainer.state.log_history if "loss" in line])
    assert logged[1] == pytest.approx(logged[0], rel=1e-4)


def test_labelled_rows_of_a_packed_decoder_do_not_predict_each_other(
    tokenizer: Any, tmp_path: Path
) -> None:
    from mlm_pretrain.modeling.attention.choosing import require_packable

    rows = make_examples(tokenizer, 4, seed=1)
    trainer = make_trainer("gpt2:2x64", tokenizer, tmp_path, eval_dataset=rows)
    expected = trainer.evaluate()
    require_packable(trainer.model, "products8")
    found = trainer.evaluate()
    assert found["eval_loss"] == pytest.approx(expected["eval_loss"], rel=1e-5)
    assert found["eval_predicted_tokens"] == expected["eval_predicted_tokens"]


def test_a_model_without_packed_attention_takes_rows_of_one_document(
    tokenizer: Any, tmp_path: Path
) -> None:
    """Its vectors are of three tokens each, whatever document they are of."""
    sizes = {
        "hidden_size": 64,
        "embedding_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    settings = MobileBertConfig(vocab_size=len(tokenizer), intermediate_size=64, **sizes)
    trainer = MaskedLMTrainer(
        model=MobileBertForMaskedLM(settings), args=splits.arguments(tmp_path, max_steps=2),
        train_dataset=make_examples(tokenizer, 16, seed=1, labelled=False),
        processing_class=tokenizer,
    )  # fmt: skip
    given = trainer.model.config._attn_implementation
    trainer.train()
    assert trainer.model.config._attn_implementation == given
    packed = [{"input_ids": list(range(5, 15)), "segment_lengths": [4, 6]}] * 2
    with pytest.raises(InputError, match="has not shown that it keeps them apart"):
        trainer.evaluate(packed)
