"""An adaptation beside the libraries' own: both are judged, and the adaptation's own page stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiny_problems import mentions, save_model

from benchmarks import adaptation

_FINETUNE = {"epochs": 1, "max_length": 40}


def _given(root: Path, texts: list[str], tokenizer: Path) -> list[str]:
    from transformers import PreTrainedTokenizerFast

    save_model(root / "base", "bert", PreTrainedTokenizerFast.from_pretrained(tokenizer))
    (root / "task").mkdir()
    for split, count in (("train", 40), ("validation", 12), ("test", 12)):
        lines = [json.dumps(row) for row in mentions(count, seed=count + len(split))]
        (root / "task" / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    half = len(texts) // 2
    for name, documents in (("domain", texts[:half]), ("general", texts[half:])):
        lines = [json.dumps({"text": text}) for text in documents]
        (root / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [
        "--model", str(root / "base"), "--corpus", str(root / "domain.jsonl"), "--general",
        str(root / "general.jsonl"), "--task", f"ner:{root / 'task'}", "--work", str(root / "work"),
        "--minutes", "0.03", "--words", "12", "--seeds", "2", "--length", "64",
        "--settings", json.dumps({"replay_share": 0.3, "pretrain": {"dropout": 0}}),
        "--finetune", json.dumps(_FINETUNE), "--out", str(root / "record.json"),
    ]  # fmt: skip


def test_both_are_judged_and_the_adaptation_s_own_proof_stays(
    texts: list[str], tokenizer_folders: dict[str, Path], tmp_path: Path, monkeypatch: Any
) -> None:
    given = _given(tmp_path, texts, tokenizer_folders["wordpiece"])
    monkeypatch.setattr("sys.argv", ["adaptation", *given])
    adaptation.main()
    found = json.loads((tmp_path / "record.json").read_text())["results"]
    work = tmp_path / "work"
    proof = json.loads((work / "ours" / "worth" / "worth.json").read_text())
    assert set(proof["variants"]) == {"base", "dapt"} and proof["forgotten"]["dapt"]
    said = json.loads((work / "ours" / "runs" / "dapt" / "run.json").read_text())["config"]
    assert said["dropout"] == 0 and said["replay"]["share"] == 0.3
    assert proof["comparisons"] == found["adapt"]["comparisons"]
    assert set(found["worth"]["variants"]) == {"base", "dapt", "stock"} == set(found["losses"])
    made, shared = (
        {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("record.json")}
        for folder in (work / "beside-stock", work / "ours" / "worth")
    )
    assert len(shared) == 2 * 2 and len(made) == 3 * 2
    assert shared.items() < made.items()  # not made again
