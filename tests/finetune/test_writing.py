"""Writing: what is learnt, what the saved folder writes, and what neither batch nor padding may change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tiny_problems import tiny_config, wordpiece
from written_problems import (
    alone,
    config_in,
    encoded,
    opened,
    predictions_in,
    save_writer,
    writer_config,
)

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS, finetune, plan
from mlm_pretrain.finetune.batching import Collator
from mlm_pretrain.finetune.generation import decoder_inputs, greedy, until_end, write
from mlm_pretrain.finetune.loop import build_trainer, predict

KINDS = ["t5", "bart"]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def untrained(kind: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_writer(tmp_path_factory.mktemp("models") / kind, kind)


@pytest.fixture(scope="module")
def trained(untrained: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A whole run of 150 steps."""
    return finetune("translation", config_in(tmp_path_factory.mktemp("run"), untrained, epochs=3))


@pytest.fixture(scope="module")
def unsure(untrained: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that stops when the model begins to see something: what it writes is in doubt."""
    folder = tmp_path_factory.mktemp("unsure")
    return finetune("translation", config_in(folder, untrained, steps=12))


def test_words_in_another_order_are_learnt(
    trained: dict[str, Any], untrained: str, tmp_path: Path
) -> None:
    still = config_in(tmp_path, untrained, steps=1, learning_rate=1e-9)
    assert finetune("translation", still)["metrics"]["test"]["bleu"] < 0.05
    scores = trained["metrics"]["test"]
    assert scores["bleu"] > 0.95 and scores["chrf"] > 0.95 and scores["unfinished"] == 0.0
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert "nc:6|nw:0" in scores["chrf_signature"]
    record = json.loads((Path(trained["out"]) / "metrics.json").read_text())
    assert record == trained["metrics"]
    best = max(trained["history"], key=lambda epoch: epoch["bleu"])
    assert trained["best_epoch"] == best["epoch"] and "labels" not in trained
    assert trained["embedding_rate"] == 1.0  # also of few rows: they are the output layer


@pytest.mark.parametrize("is_sure", [True, False])
def test_the_saved_folder_writes_the_predictions(
    is_sure: bool, trained: dict[str, Any], unsure: dict[str, Any]
) -> None:
    out = (trained if is_sure else unsure)["out"]
    model, tokenizer = opened(out)
    assert model.generation_config.num_beams == 4
    rows = predictions_in(out)
    assert len(rows) == 40 and len({row["prediction"] for row in rows}) > 1
    for row in rows:
        assert alone(model, tokenizer, row["source"]) == row["prediction"]


def test_beams_find_texts_that_the_model_likes_better(unsure: dict[str, Any]) -> None:
    """By the score that beam search maximises: log p over the number of tokens."""
    model, tokenizer = opened(unsure["out"])
    texts = [row["source"] for row in predictions_in(unsure["out"])]
    scores, found = {}, {}
    for beams in (1, 4):
        written = [model.generate(**encoded(tokenizer, [t]), num_beams=beams)[0] for t in texts]
        found[beams] = [ids.tolist() for ids in written]
        scores[beams] = [
            liking(model, tokenizer, *pair) for pair in zip(texts, written, strict=True)
        ]
    assert found[1] != found[4]
    assert sum(scores[4]) > sum(scores[1])


@torch.no_grad()
def liking(model: Any, tokenizer: Any, text: str, ids: torch.Tensor) -> float:
    """Mean of log p over the tokens behind the two that generation has to begin with."""
    logits = model(**encoded(tokenizer, [text]), decoder_input_ids=ids[None, :-1]).logits[0]
    chosen = logits.log_softmax(-1).gather(1, ids[1:, None])[1:, 0]
    return float(chosen.sum() / len(ids[1:]))


def test_a_batch_writes_what_each_text_alone_does(unsure: dict[str, Any]) -> None:
    model, tokenizer = opened(unsure["out"])
    texts = ["red", "the red cat walks in oslo", "a a a a " * 6, "quito sleeps"]
    pad, end = tokenizer.pad_token_id, tokenizer.sep_token_id
    for settings in (None, greedy(model.generation_config)):
        together = write(model, encoded(tokenizer, texts), settings)
        for text, row in zip(texts, together.numpy(), strict=True):
            single = write(model, encoded(tokenizer, [text]), settings).numpy()[0]
            assert until_end(row, end, pad).tolist() == until_end(single, end, pad).tolist()
    assert len({tuple(row.tolist()) for row in together}) > 1


def test_a_row_ends_at_its_end_token_or_at_its_padding() -> None:
    rows = {
        (5, 3, 0, 0): [5, 3],
        (5, 6, 7, 0): [5, 6, 7],
        (0, 0): [],
        (3, 5): [3],
        (0, 5, 0): [0, 5],
    }
    for row, kept in rows.items():
        assert until_end(torch.tensor(row).numpy(), end=3, pad=0).tolist() == kept


def trainer_of(model: str, folder: Path, precision: str = "fp32", **settings: Any) -> Any:
    """The first 8 rows, their targets made very different in length, ready to be trained on."""
    config = config_in(folder, model, **settings)
    task = TASKS["translation"](config)
    network, tokenizer = opened(model)
    task.adapt(network, tokenizer)
    rows = task.read(config.train, "train")[:8]
    rows = [type(r)(r.source, " ".join([r.target] * (n + 1)), r.where) for n, r in enumerate(rows)]
    features = task.encode(rows, tokenizer, ("input_ids", "attention_mask"), 64, training=True)
    collator = Collator(tokenizer.pad_token_id, False, task.decoder_inputs)
    return task, build_trainer(network, features, collator, config, 1, 1e-3, 1.0, precision)


def test_padding_of_targets_does_not_change_the_loss(untrained: str, tmp_path: Path) -> None:
    """The mean over all tokens of texts taken one by one, by the model's own loss."""
    total, items = 0.0, 0
    task, trainer = trainer_of(untrained, tmp_path)
    for feature in trainer.train_dataset[:4]:
        inputs = {name: torch.tensor([ids.tolist()]) for name, ids in feature.inputs.items()}
        labels = torch.tensor([feature.labels.tolist()])
        with torch.no_grad():
            total += trainer.model.eval()(**inputs, labels=labels).loss.item() * labels.numel()
        items += labels.numel()
    lengths = {len(feature.labels) for feature in trainer.train_dataset[:4]}
    assert len(lengths) == 4
    _, loss = predict(trainer, trainer.train_dataset[:4], task.keep)
    assert loss == pytest.approx(total / items, abs=1e-5)


def test_a_step_does_not_depend_on_accumulation(untrained: str, tmp_path: Path) -> None:
    logs = []
    for batch_size, accumulation in ((8, 1), (2, 4)):
        size = {"batch_size": batch_size, "accumulation": accumulation}
        _, trainer = trainer_of(untrained, tmp_path, **size)
        trainer.train()
        log = trainer.state.log_history[0]
        logs.append((log["loss"], float(log["grad_norm"])))
    assert logs[0] == pytest.approx(logs[1], rel=1e-5) and logs[0][1] > 0


@pytest.mark.parametrize(
    "family", ["t5", "bart", "marian", "mbart", "pegasus", "m2m_100", "blenderbot", "led"]
)
def test_decoders_read_what_the_model_itself_would_give_them(family: str) -> None:
    """Some architectures have no method for it: then it is made here."""
    transformers.set_seed(0)
    config = writer_config(family, wordpiece())
    model = transformers.AutoModelForSeq2SeqLM.from_config(config).eval()
    labels = torch.tensor([[2, 80, 81, 82, 3], [2, 75, 3, -100, -100]])
    inputs = encoded(wordpiece(), ["the red cat walks", "a dog"])
    shifted = decoder_inputs(model, "m")(labels)
    with torch.no_grad():
        own = model(**inputs, labels=labels).logits
        ours = model(**inputs, decoder_input_ids=shifted).logits
    torch.testing.assert_close(ours, own)
    assert labels[1, 3] == -100  # the labels themselves stay


def test_bf16_in_training_does_not_reach_what_is_written(untrained: str, tmp_path: Path) -> None:
    """Else the saved folder, which computes in fp32, would at times write something else."""
    _, trainer = trainer_of(untrained, tmp_path, precision="bf16")
    trainer.train()
    model, kinds = trainer.model.eval(), []
    model.lm_head.register_forward_hook(lambda _module, _inputs, out: kinds.append(out.dtype))
    batch = trainer.data_collator(trainer.train_dataset[:2])
    labels = batch.pop("labels")
    with torch.no_grad():
        written = write(model, batch, greedy(model.generation_config))
        assert set(kinds) == {torch.float32} and len(written) == len(labels)
        kinds.clear()
        model(**batch)
    assert set(kinds) == {torch.bfloat16}  # training goes on as it did


def test_an_encoder_put_before_another_models_decoder_writes_too(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    halves = [tiny_config("bert", len(tokenizer), tokenizer.pad_token_id) for _ in range(2)]
    shape = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(*halves)
    network = transformers.EncoderDecoderModel(shape)
    network.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    config = config_in(tmp_path, str(tmp_path / "m"), epochs=1, learning_rate=None)
    with pytest.raises(InputError, match=r"m: its config.json has no decoder_start_token_id"):
        plan("translation", config)
    network.config.decoder_start_token_id = tokenizer.cls_token_id
    network.save_pretrained(tmp_path / "m")
    result = finetune("translation", config.model_copy(update={"random_weights": True}))
    assert result["learning_rate"] == 5e-4 and result["metrics"]["test"]["loss"] < 4
    network, tokenizer = opened(config.out)
    for row in predictions_in(config.out)[:5]:
        assert alone(network, tokenizer, row["source"]) == row["prediction"]
