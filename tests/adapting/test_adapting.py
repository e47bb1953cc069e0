"""The whole of an adaptation, on models and texts so small that it takes a minute."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import package_process
import pytest
import torch
import yaml
from tiny_problems import mentions, save_model

from mlm_pretrain.adapting import adapt
from mlm_pretrain.adapting.card import write_card
from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.tasks import task_of
from mlm_pretrain.config import load_config

WORDS = 12


class Adaptation(NamedTuple):
    """One that was asked for by `recipe`, and what it returned."""

    recipe: Path
    result: dict[str, Any]
    planted: str

    @property
    def out(self) -> Path:
        return Path(self.result["out"])


@pytest.fixture(scope="session")
def adapted(
    texts: list[str],
    tokenizer_folders: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Adaptation:
    root = tmp_path_factory.mktemp("adaptation")
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer_folders["wordpiece"])
    save_model(root / "base", "bert", tokenizer)
    for split, count in (("train", 40), ("validation", 12), ("test", 12)):
        lines = [json.dumps(row) for row in mentions(count, seed=count + len(split))]
        (root / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    test_rows = [json.loads(line) for line in (root / "test.jsonl").read_text().splitlines()]
    planted = " ".join(max((row["tokens"] for row in test_rows), key=len))
    half = len(texts) // 2
    _write(root / "domain.jsonl", [*texts[:half], f"{texts[0]}\n\n{planted}.\n\n{texts[1]}"])
    _write(root / "general.jsonl", texts[half:])
    recipe = root / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(_recipe(root, root / "out")), encoding="utf-8")
    return Adaptation(recipe, adapt(load_config(AdaptConfig, recipe)), planted)


def _recipe(root: Path, out: Path) -> dict[str, Any]:
    splits = {split: str(root / f"{split}.jsonl") for split in ("train", "validation", "test")}
    return {
        "model": str(root / "base"), "out": str(out), "corpus": [str(root / "domain.jsonl")],
        "general": [str(root / "general.jsonl")], "task": "ner", **splits, "steps": 6,
        "words": WORDS, "seeds": 2, "variants": ["dapt", "dapt+tapt"], "own_text_share": 0.5,
        "prepare": {"max_length": 64, "processes": 1},
        "pretrain": {"batch_size": 8, "learning_rate": 1e-3, "checkpoint_minutes": 1e-4},
        "finetune": {"epochs": 1, "max_length": 40},
    }  # fmt: skip


def _write(path: Path, documents: list[str]) -> None:
    lines = [json.dumps({"text": text}) for text in documents]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_kept_model_opens_anywhere_with_words_of_the_domain(adapted: Adaptation) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = Path(adapted.result["model_folder"])
    base = AutoTokenizer.from_pretrained(adapted.recipe.parent / "base")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder)
    assert len(tokenizer) == len(base) + WORDS == model.config.vocab_size
    new = [e["word"] for e in adapted.result["vocabulary"]["examples"]]
    assert all(len(tokenizer.tokenize(word)) == 1 < len(base.tokenize(word)) for word in new)
    assert {token: tokenizer.get_vocab()[token] for token in base.get_vocab()} == base.get_vocab()
    rows = tokenizer(["a class is a template", new[0]], padding=True, return_tensors="pt")
    assert torch.isfinite(model(**rows).logits).all()


def test_texts_of_the_test_file_are_not_trained_on(adapted: Adaptation) -> None:
    given = (adapted.recipe.parent / "domain.jsonl").read_text()
    kept = [
        (adapted.out / "texts" / f"domain-{s}.jsonl").read_text() for s in ("train", "validation")
    ]
    assert adapted.planted in given
    assert not any(adapted.planted in text for text in kept)
    assert adapted.result["texts"]["overlap"]["corpus"]["documents_with_overlap"] == 1


def test_the_report_says_what_was_gained_and_what_was_forgotten(adapted: Adaptation) -> None:
    report = json.loads((adapted.out / "report.json").read_text())
    assert set(report["losses"]) == {"base", "dapt", "dapt+tapt"}
    assert all(0 < of["domain"]["bits_per_byte"] < 20 for of in report["losses"].values())
    compared = [(c["variant"], c["against"]) for c in report["worth"]["comparisons"]]
    assert compared == [("dapt", "base"), ("dapt+tapt", "base")]
    assert report["variants"]["dapt"]["steps"] == 6
    assert report["variants"]["dapt+tapt"]["steps"] == 3
    guarded = report["variants"]["dapt"]["forgetting"]
    assert [m["step"] for m in guarded["measures"]][:: len(guarded["measures"]) - 1] == [0, 6]
    for name in ("dapt", "dapt+tapt"):  # of which nobody watched the second
        assert report["worth"]["forgotten"][name].keys() == {
            "domain text, bits a byte of whole words", "general text, bits a byte of whole words",
        }  # fmt: skip
    seen = report["losses"]["dapt"]["general"]["words"]
    assert seen["before"] == report["losses"]["dapt+tapt"]["general"]["words"]["before"]
    # Of a few rows of the same text, while it was trained.
    across = guarded["bits_per_byte"]["general"]
    assert seen["before"] == pytest.approx(across["checkpoint"], rel=0.25)
    assert seen["after"] == pytest.approx(across["after"], rel=0.25)
    assert (adapted.out / "worth" / "worth.html").stat().st_size > 1000
    card = (adapted.out / "model" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert "domain-adaptation" in front["tags"]
    assert front["model-index"][0]["results"][0]["dataset"]["split"] == "test"
    assert str(adapted.recipe.parent) not in card  # no path of this machine
    assert "layers that learn" not in card  # all do, which is not worth a row


def test_the_card_shows_text_of_the_domain_unless_told_not_to(
    adapted: Adaptation, tmp_path: Path
) -> None:
    config, places = load_config(AdaptConfig, adapted.recipe), Places(tmp_path)
    for name in ("runs", "model", "texts"):
        shutil.copytree(adapted.out / name, tmp_path / name)
    seen = {}
    for examples in (3, 0):
        told = config.model_copy(update={"examples": examples})
        card = write_card(told, task_of(told), adapted.result, places).read_text()
        seen[examples] = yaml.safe_load(card.split("---")[1]).get("widget", [])
    lines = (adapted.out / "texts" / "domain-validation.jsonl").read_text().splitlines()
    given = "\n".join(json.loads(line)["text"] for line in lines)
    assert 1 <= len(seen[3]) <= 3 and seen[0] == []
    assert all(example["text"].partition("[MASK]")[0] in given for example in seen[3])


def test_the_same_command_again_makes_nothing_again(adapted: Adaptation) -> None:
    made = [*adapted.out.glob("runs/*/model/*"), *adapted.out.glob("worth/runs/*/*/record.json")]
    before = {path: path.stat().st_mtime_ns for path in made}
    again = adapt(load_config(AdaptConfig, adapted.recipe))
    assert len(made) > 6
    assert {path: path.stat().st_mtime_ns for path in made} == before
    assert again["worth"]["comparisons"] == adapted.result["worth"]["comparisons"]
    assert again["kept"] == adapted.result["kept"]


def test_one_that_was_killed_ends_as_if_it_had_not_been(
    adapted: Adaptation, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    recipe = _recipe(adapted.recipe.parent, out) | {"variants": ["dapt"]}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    command = ["-m", "mlm_pretrain", "adapt", "--config", str(path)]
    run = out / "runs" / "dapt"
    killed = package_process.signal_when(
        command, lambda: any(run.glob("checkpoint-[1-4]/manifest.json")), signal.SIGKILL
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (run / "manifest.json").exists()
    done = package_process.run(command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "resuming from" in done.stderr
    name = "runs/dapt/model/model.safetensors"
    assert (out / name).read_bytes() == (adapted.out / name).read_bytes()
