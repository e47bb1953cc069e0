"""The loss on fixed masks, against dense calls of the model on one segment at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from mlm_pretrain.evaluation.perplexity import evaluate, load_for_evaluation, score_rows
from mlm_pretrain.evaluation.texts import open_rows
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.masked import MaskedCollator, MaskedConfig
from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare

FP32: Any = {"precision": "fp32"}


def open_model(folder: Path) -> tuple[Any, Any]:
    """The model on eager attention, and its tokenizer, opened by the library alone."""
    import transformers

    auto = transformers.AutoModelForMaskedLM
    if "ForCausalLM" in (folder / "config.json").read_text(encoding="utf-8"):
        auto = transformers.AutoModelForCausalLM
    model = auto.from_pretrained(folder, attn_implementation="eager").eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def masked_loss_by_hand(
    model: Any, tokenizer: Any, rows: Iterable[Mapping[str, Any]], ratio: float, seed: int
) -> tuple[float, int]:
    """(summed nats, tokens predicted), a segment at a time, on the masks of the evaluation."""
    collator = MaskedCollator(read_vocabulary(tokenizer), MaskedConfig(ratio=ratio), seed)
    total, count = 0.0, 0
    for index, row in enumerate(rows):
        batch = collator([{**row, "epoch": EVALUATION_EPOCH, "example": index}])
        start = 0
        for length in row.get("segment_lengths", [len(row["input_ids"])]):
            ids_L = batch["input_ids"][0, start : start + length]
            labels_L = batch["labels"][0, start : start + length]
            logits_LV = model(input_ids=ids_L[None]).logits[0].double()
            total += cross_entropy(logits_LV, labels_L, reduction="sum").item()
            count += int((labels_L != -100).sum())
            start += int(length)
    return total, count


def test_prepared_data_is_scored_token_by_token(masked_model: Path, prepared: Path) -> None:
    result = evaluate(masked_model, prepared, seed=3, batch_size=7, limit_rows=15, **FP32)
    dataset = PackedDataset(prepared, "validation")
    model, tokenizer = open_model(masked_model)
    rows = [dataset[i] for i in range(15)]
    total, count = masked_loss_by_hand(model, tokenizer, rows, 0.15, seed=3)
    text_tokens = sum(
        int((row["input_ids"] > 4).sum() + (row["input_ids"] == 1).sum()) for row in rows
    )
    text_bytes = dataset.manifest.counts["validation"]["text_bytes"] * 15 / len(dataset)
    assert result["loss_nats"] == pytest.approx(total / count, abs=1e-5)
    assert result["perplexity"] == pytest.approx(math.exp(total / count), rel=1e-4)
    assert (result["predicted_tokens"], result["rows"], result["split"]) == (
        count,
        15,
        "validation",
    )
    assert result["tokens"] == text_tokens
    bits = total / count * text_tokens / math.log(2) / text_bytes
    assert result["bits_per_byte"] == pytest.approx(bits, rel=1e-5)


@pytest.fixture(scope="module")
def packed_training_rows(
    texts: list[str], tokenizer_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Prepared data without validation, several segments to a row."""
    folder = tmp_path_factory.mktemp("packed")
    (folder / "some.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in texts[:6]))
    config = PrepareConfig(max_length=64, validation_share=0, processes=1)
    prepare([str(folder / "some.jsonl")], tokenizer_folders["wordpiece"], folder / "data", config)
    return folder / "data"


def test_packed_rows_are_scored_as_their_segments(
    masked_model: Path, packed_training_rows: Path
) -> None:
    result = evaluate(masked_model, packed_training_rows, mask_ratio=0.4, limit_rows=30, **FP32)
    dataset = PackedDataset(packed_training_rows, "train")
    rows = [dataset[i] for i in range(30)]
    assert sum(len(row["segment_lengths"]) for row in rows) > 40
    total, count = masked_loss_by_hand(*open_model(masked_model), rows, 0.4, seed=0)
    assert result["split"] == "train"
    assert result["predicted_tokens"] == count
    assert result["loss_nats"] == pytest.approx(total / count, abs=1e-5)


def test_the_batch_size_does_not_change_the_result(
    masked_model: Path, packed_training_rows: Path
) -> None:
    results = [
        evaluate(masked_model, packed_training_rows, batch_size=size, limit_rows=33, **FP32)
        for size in (1, 7, 32)
    ]
    for result in results[1:]:
        assert result["loss_nats"] == pytest.approx(results[0]["loss_nats"], abs=1e-6)
        assert result["predicted_tokens"] == results[0]["predicted_tokens"]


def test_the_seed_chooses_the_masks(masked_model: Path, prepared: Path) -> None:
    losses = [
        evaluate(masked_model, prepared, seed=seed, limit_rows=8, **FP32)["loss_nats"]
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


LONG = " ".join(["The statement assigns a value to the name."] * 20)
SHORT = "Names refer to objects."


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    """A long and a short document: a mean of rows is not the mean over tokens."""
    path = tmp_path / "text.txt"
    path.write_text(f"{LONG}\n{SHORT}\n", encoding="utf-8")
    return path


def windows(tokenizer: Any, max_length: int) -> list[dict[str, Any]]:
    rows = []
    for text in (LONG, SHORT):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        room = max_length - 2
        pieces = [ids[i : i + room] for i in range(0, len(ids), room)]
        rows += [
            {"input_ids": [tokenizer.cls_token_id, *piece, tokenizer.sep_token_id]}
            for piece in pieces
        ]
    return rows


@pytest.mark.parametrize("max_length", [None, 32])
def test_text_is_cut_into_windows(
    roberta_model: Path, text_file: Path, max_length: int | None
) -> None:
    result = evaluate(roberta_model, text_file, max_length=max_length, **FP32)
    model, tokenizer = open_model(roberta_model)
    rows = windows(tokenizer, max_length or 64)
    total, count = masked_loss_by_hand(model, tokenizer, rows, 0.15, seed=0)
    assert result["max_length"] == (max_length or 64)
    assert (result["rows"], result["predicted_tokens"]) == (len(rows), count)
    assert result["loss_nats"] == pytest.approx(total / count, abs=1e-5)
    by_row = [masked_loss_by_hand(model, tokenizer, [row], 0.15, seed=0) for row in rows]
    mean_of_rows = np.mean([nats / number for nats, number in by_row])
    assert abs(mean_of_rows - result["loss_nats"]) > 1e-2  # another weighting would show


@torch.no_grad()
def test_bits_per_byte_of_a_decoder(causal_model: Path, text_file: Path) -> None:
    result = evaluate(causal_model, text_file, **FP32)
    model, tokenizer = open_model(causal_model)
    rows = windows(tokenizer, 64)
    total, count, text_tokens = 0.0, 0, 0
    for row in rows:
        ids_L = torch.tensor(row["input_ids"])
        logits_LV = model(input_ids=ids_L[None]).logits[0].double()
        total += cross_entropy(logits_LV[:-1], ids_L[1:], reduction="sum").item()
        count += len(ids_L) - 1
        text_tokens += len(ids_L) - 2
    text_bytes = len(LONG.encode()) + len(SHORT.encode())
    bits = total / count / math.log(2) * text_tokens
    assert result["predicted_tokens"] == count
    assert result["tokens"] == text_tokens
    assert result["loss_nats"] == pytest.approx(total / count, abs=1e-5)
    assert result["bits_per_byte"] * text_bytes == pytest.approx(bits, rel=1e-6)


def test_special_tokens_in_the_text_are_text(masked_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the [MASK] token and the [SEP] token of a model\n", encoding="utf-8")
    network, tokenizer, _ = load_for_evaluation(masked_model)
    ids = list(open_rows(path, tokenizer, network.config, None).example(0)["input_ids"])
    assert tokenizer.mask_token_id not in ids
    assert ids.count(tokenizer.sep_token_id) == 1


def test_unknown_tokens_are_text_and_ends_of_documents_are_not(
    masked_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the 日 of the 本\n", encoding="utf-8")
    network, tokenizer, _ = load_for_evaluation(masked_model)
    rows = open_rows(path, tokenizer, network.config, None)
    assert list(rows.example(0)["input_ids"]).count(tokenizer.unk_token_id) == 2
    assert rows.text_tokens(0) == 5
    tokenizer.unk_token = tokenizer.eos_token = tokenizer.sep_token  # GPT-2 has one for all
    assert open_rows(path, tokenizer, network.config, None).text_tokens(0) == 5


def test_metrics_are_written_and_the_mode_is_left_alone(
    masked_model: Path, prepared: Path, tmp_path: Path
) -> None:
    result = evaluate(masked_model, prepared, limit_rows=4, out=tmp_path / "scores", **FP32)
    written = json.loads((tmp_path / "scores" / "metrics.json").read_text(encoding="utf-8"))
    assert written == {"validation": result}
    network, tokenizer, objective = load_for_evaluation(masked_model)
    assert not network.training
    network.train()
    rows = open_rows(prepared, tokenizer, network.config, None)
    score_rows(network, rows, objective, read_vocabulary(tokenizer), limit_rows=1, **FP32)
    assert network.training


def test_bf16_is_close_to_fp32(masked_model: Path, prepared: Path) -> None:
    low, high = (
        evaluate(masked_model, prepared, limit_rows=8, precision=precision)["loss_nats"]
        for precision in ("bf16", "fp32")
    )
    assert low != high
    assert low == pytest.approx(high, rel=1e-2)


def test_objectives_know_their_heads() -> None:
    heads = {name: (o.auto_class, o.is_causal) for name, o in OBJECTIVES.items()}
    assert heads["mlm"] == ("AutoModelForMaskedLM", False)
    assert heads["clm"] == ("AutoModelForCausalLM", True)
