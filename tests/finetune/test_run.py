"""Whole runs: each task learns its problem, and the saved folder predicts the same again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_problems import mentions, opinions, questions
from written_problems import save_writer, translations

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, outputs
from mlm_pretrain.manifest import read_manifest, verify, write_manifest

# The models know nothing yet, so their embeddings learn as fast as the rest.
FAST = {"learning_rate": 5e-3, "embedding_rate": 1.0, "batch_size": 16}


def config_of(write: Any, model: str, rows: Any, count: int, **settings: Any) -> FinetuneConfig:
    paths = {
        "train": write("train.jsonl", rows(count, 0)),
        "validation": write("validation.jsonl", rows(40, 1)),
        "test": write("test.jsonl", rows(30, 2)),
    }
    out = str(Path(paths["train"]).parent / "out")
    return FinetuneConfig(model=model, **{**paths, "out": out, **FAST, **settings})


def predictions_in(config: FinetuneConfig, split: str = "test") -> list[dict[str, Any]]:
    lines = (Path(config.out) / f"predictions_{split}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_classifier_learns_and_reloads(write: Any, bert: str, capfd: Any) -> None:
    config = config_of(write, bert, opinions, 160, epochs=4, precision="fp32")  # as pipelines
    result = finetune("sentiment", config)
    assert result["metrics"]["test"]["accuracy"] > 0.95
    assert capfd.readouterr().out == ""  # stdout belongs to --json
    out = Path(config.out)
    manifest = read_manifest(out, "finetune")
    verify(out, manifest)
    assert set(manifest.inputs) == {"model", "train", "validation", "test"}
    assert not list(out.glob("*.bin")) and not (out / "run.json").exists()
    assert json.loads((out / "metrics.json").read_text()) == result["metrics"]
    # The library's own pipeline gives the same labels and probabilities from the folder alone.
    classify = transformers.pipeline("text-classification", model=str(out), device="cpu")
    rows = predictions_in(config)
    for row, found in zip(rows, classify([row["text"] for row in rows]), strict=True):
        assert found["label"] == row["prediction"]
        assert found["score"] == pytest.approx(row["probability"], abs=1e-4)


def test_a_tagger_learns_and_reloads(write: Any, modernbert: str) -> None:
    config = config_of(write, modernbert, mentions, 200, epochs=5)
    result = finetune("ner", config)
    assert result["metrics"]["test"]["f1"] > 0.95
    assert result["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    model = transformers.AutoModelForTokenClassification.from_pretrained(config.out)
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.out)
    for row in predictions_in(config):
        batch = tokenizer(" ".join(row["tokens"]), return_tensors="pt", return_offsets_mapping=True)
        offsets = batch.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            best = model.eval()(**batch).logits[0].argmax(-1).tolist()
        start = 0
        for token, expected in zip(row["tokens"], row["predictions"], strict=True):
            piece = next(i for i, (a, b) in enumerate(offsets) if a <= start < b)
            assert model.config.id2label[best[piece]] == expected
            start += len(token) + 1


@pytest.mark.parametrize("silent", [False, True])
def test_answers_are_learnt_with_and_without_silence(
    write: Any, bert: str, modernbert: str, silent: bool
) -> None:
    def rows(count: int, seed: int) -> list[dict[str, Any]]:
        return questions(count, seed, silent)

    model = modernbert if silent else bert
    config = config_of(write, model, rows, 160, epochs=6)
    result = finetune("qa", config)
    scores = result["metrics"]["test"]
    assert scores["f1"] > 0.9 and ("no_answer_accuracy" in scores) == silent
    assert result["metrics"]["validation"][result["best_by"]] == max(
        epoch["f1"] for epoch in result["history"]
    )
    loaded = transformers.AutoModelForQuestionAnswering.from_pretrained(config.out).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.out)
    contexts = {row["id"]: row["context"] for row in rows(30, 2)}
    for row in predictions_in(config):
        context = contexts[row["id"]]
        batch = tokenizer(
            row["question"], context, return_tensors="pt", return_offsets_mapping=True
        )
        offsets = batch.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            outputs = loaded(**batch)
        first, last = int(outputs.start_logits.argmax()), int(outputs.end_logits.argmax())
        if row["prediction"] and first <= last and first > 0:
            assert context[offsets[first][0] : offsets[last][1]].strip() == row["prediction"]


def test_a_subset_of_labels_and_the_best_epoch(write: Any, bert: str) -> None:
    config = config_of(write, bert, opinions, 60, epochs=3, max_train_examples=20, batch_size=10)
    result = finetune("sentiment", config)
    assert (result["train_examples"], result["steps"]) == (20, 6)
    best = max(result["history"], key=lambda epoch: epoch["accuracy"])
    assert result["best_epoch"] == best["epoch"]
    kept = result["metrics"]["validation"]
    assert kept["accuracy"] == best["accuracy"] and kept["loss"] == pytest.approx(best["loss"])


def test_some_of_the_validation_file_are_the_same_ones_for_every_seed(
    write: Any, bert: str, tmp_path: Path
) -> None:
    config = config_of(write, bert, opinions, 20, epochs=1, max_validation_examples=7)
    seen = []
    for seed in range(2):
        out = str(tmp_path / f"seed-{seed}")
        result = finetune("sentiment", config.model_copy(update={"seed": seed, "out": out}))
        lines = (Path(out) / "predictions_validation.jsonl").read_text("utf-8").splitlines()
        seen.append([json.loads(line)["text"] for line in lines])
        assert result["validation_examples"] == 7 < result["test_examples"]
    given = [json.loads(line)["text"] for line in Path(config.validation).read_text().splitlines()]
    assert seen[0] == seen[1] == [text for text in given if text in seen[0]]


def test_pretrained_embeddings_learn_slowly_from_few_rows(
    write: Any, bert: str, tmp_path: Path
) -> None:
    name = "bert.embeddings.word_embeddings.weight"
    ways: dict[str, dict[str, Any]] = {
        "default": {}, "frozen": {"embedding_rate": 0.0}, "random": {"random_weights": True},
    }  # fmt: skip
    rates, tables = {}, {}
    for way, settings in ways.items():
        settings = {"embedding_rate": None, "out": str(tmp_path / way), "epochs": 1, **settings}
        rates[way] = finetune("sentiment", config_of(write, bert, opinions, 40, **settings))
        tables[way] = load_file(tmp_path / way / "model.safetensors")[name]
    found = {way: result["embedding_rate"] for way, result in rates.items()}
    assert found == {"default": 0.1, "frozen": 0.0, "random": 1.0}
    given = load_file(Path(bert) / "model.safetensors")[name]
    assert torch.equal(tables["frozen"], given)
    # Adam moves a weight by about the rate a step, here three times.
    assert 1e-4 < (tables["default"] - given).abs().max() < 3.5 * 0.1 * FAST["learning_rate"]
    for rows, share in ((1_024, 0.1), (1_025, 1.0)):
        config = config_of(write, bert, opinions, rows, embedding_rate=None, steps=1)
        assert finetune("sentiment", config, overwrite=True)["embedding_rate"] == share


def test_the_same_seed_gives_the_same_scores(write: Any, bert: str, tmp_path: Path) -> None:
    results = []
    for name in ("a", "b"):
        out = str(tmp_path / name)
        results.append(
            finetune("sentiment", config_of(write, bert, opinions, 40, epochs=1, out=out))
        )
    assert results[0]["metrics"] == results[1]["metrics"]
    first, second = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert first == second


def test_plain_tags_are_scored_by_accuracy(write: Any, bert: str) -> None:
    def rows(count: int, seed: int) -> list[dict[str, Any]]:
        return [
            {"tokens": row["tokens"], "pos": [int(t != "O") for t in row["ner_tags"]]}
            for row in mentions(count, seed)
        ]

    names = ["word", "name"]
    config = config_of(write, bert, rows, 80, epochs=3, tags_field="pos", label_names=names)
    result = finetune("ner", config)
    assert result["labels"] == names and result["best_by"] == "accuracy"
    assert result["metrics"]["test"]["accuracy"] > 0.95


def test_the_output_folder_is_guarded(write: Any, bert: str, tmp_path: Path) -> None:
    config = config_of(write, bert, opinions, 40, steps=1, test=None)
    finetune("sentiment", config)
    kept = (Path(config.out) / "metrics.json").read_bytes()
    with pytest.raises(InputError, match="is not empty"):
        finetune("sentiment", config)
    broken = config.model_copy(update={"train": write("broken.jsonl", "{}\n")})
    with pytest.raises(InputError, match="no field 'text'"):
        finetune("sentiment", broken, overwrite=True)
    assert (Path(config.out) / "metrics.json").read_bytes() == kept
    finetune("sentiment", config, overwrite=True)
    with pytest.raises(InputError, match="which this run reads"):
        finetune("sentiment", config.model_copy(update={"model": config.out}), overwrite=True)
    busy = tmp_path / "busy"
    busy.mkdir()
    owner = {"pid": os.getppid(), "host": os.uname().nodename}
    (busy / "run.json").write_text(json.dumps(owner))
    with pytest.raises(InputError, match=f"process {os.getppid()} on .* is writing there"):
        finetune("sentiment", config.model_copy(update={"out": str(busy)}), overwrite=True)


def test_a_run_that_was_killed_at_any_time_is_made_again(
    write: Any, bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark stays until the manifest is there, and a dead process's number may be ours now."""
    config = config_of(write, bert, opinions, 40, steps=1, test=None)
    out, left = Path(config.out), tmp_path / "left"

    def killed(folder: Path, *args: Any, **kwargs: Any) -> Any:
        shutil.copytree(folder, left)  # as a kill would leave it
        return write_manifest(folder, *args, **kwargs)

    monkeypatch.setattr(outputs, "write_manifest", killed)
    finetune("sentiment", config)
    assert (
        "run.json" not in read_manifest(out, "finetune").files and not (out / "run.json").exists()
    )
    assert json.loads((left / "run.json").read_text())["pid"] == os.getpid()
    monkeypatch.undo()
    again = finetune("sentiment", config.model_copy(update={"out": str(left)}), overwrite=True)
    assert again["metrics"] == json.loads((out / "metrics.json").read_text())


def _problem(task: str, bert: str, folder: Path) -> tuple[str, Any]:
    if task == "sentiment":
        return bert, opinions
    return save_writer(folder / "writer", "t5"), translations


def _start_rank(script: Path, rank: int, port: int) -> subprocess.Popen[str]:
    """A process with what torchrun sets, without the seconds its own start takes."""
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path),
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.PIPE, text=True
    )


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@pytest.mark.parametrize("task", ["sentiment", "translation"])
def test_two_processes_share_a_run(task: str, write: Any, bert: str, tmp_path: Path) -> None:
    """The same steps as one process with twice the batch; only the first writes."""
    model, rows = _problem(task, bert, tmp_path)
    given: Any = {"steps": 6, "batch_size": 16, "precision": "fp32", "out": str(tmp_path / "1")}
    alone = config_of(write, model, rows, 64, **given)
    expected = finetune(task, alone)
    settings = {**alone.model_dump(), "batch_size": 8, "out": str(tmp_path / "2")}
    script = tmp_path / "run.py"
    script.write_text(
        "import json, os, pathlib\n"
        "from mlm_pretrain.finetune import FinetuneConfig, finetune\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "settings = json.loads((folder / 'settings.json').read_text())\n"
        f"result = finetune({task!r}, FinetuneConfig(**settings))\n"
        "(folder / f\"rank{os.environ['RANK']}.json\").write_text(json.dumps(result))\n"
        "from mlm_pretrain.environment import leave\n"
        "from mlm_pretrain.training.agreement import end_processes\n"
        "end_processes()\n"
        "leave(0)\n"
    )
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    port = _free_port()
    done = [_start_rank(script, rank, port) for rank in (0, 1)]
    for process in done:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-3000:]
    first, second = (json.loads((tmp_path / f"rank{r}.json").read_text()) for r in (0, 1))
    assert first["metrics"] == second["metrics"]
    assert first["batch_size"] == 16
    # The optimizer forgives a wrong scale of the loss; the logged loss does not.
    assert first["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-4)
    for split, scores in expected["metrics"].items():
        assert first["metrics"][split]["loss"] == pytest.approx(scores["loss"], rel=1e-3)
    assert (tmp_path / "2" / "manifest.json").exists()
    shared = predictions_in(alone.model_copy(update={"out": str(tmp_path / "2")}))
    same = [
        a["prediction"] == b["prediction"]
        for a, b in zip(shared, predictions_in(alone), strict=True)
    ]
    assert sum(same) > 0.9 * len(same)  # the gradients' last bits differ, so rows in doubt may too
