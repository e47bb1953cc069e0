"""A checkpoint whose tokenizer is a SentencePiece file, for every verb that opens one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import package_process
import pytest
import transformers

from mlm_pretrain.domain import row_length
from mlm_pretrain.evaluation.perplexity import evaluate
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.tokenizer_opening import open_tokenizer

_PROGRAM = Path(__file__).parents[1] / "hub" / "verb_calls.py"
ENTRIES = 400


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A DeBERTa as its authors publish it: spm.model, and no tokenizer.json."""
    config = transformers.DebertaV2Config(
        vocab_size=ENTRIES + 1, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, relative_attention=True,
        pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0,
    )  # fmt: skip
    folder = tmp_path / "deberta"
    transformers.DebertaV2ForMaskedLM(config).save_pretrained(folder)
    (folder / "spm.model").write_bytes(b"\n\x0b\n\x05[PAD]\x15")
    own = {"do_lower_case": False, "vocab_type": "spm", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(own))
    return folder


def test_every_verb_says_what_to_install(
    checkpoint: Path, prepared: Path, corpus_file: Path, tmp_path: Path
) -> None:
    labelled = tmp_path / "labelled.jsonl"
    rows = [json.dumps({"text": f"text {n}", "label": n % 2}) for n in range(20)]
    labelled.write_text("\n".join(rows) + "\n")
    out = ["--out", str(tmp_path / "out")]
    splits = ["--train", str(labelled), "--validation", str(labelled)]
    model, corpus = ["--model", str(checkpoint)], ["--corpus", str(corpus_file)]
    calls = [
        ["evaluate", *model, "--data", str(corpus_file)],
        ["fill", "a [MASK] b", *model],
        ["domain", *model, *corpus, *out],
        ["adapt", *model, *corpus, *out],
        ["adapt", *model, *corpus, *out, "--dry-run"],
        ["finetune", "sentiment", *model, *splits, *out],
        ["prepare", "--tokenizer", str(checkpoint), *corpus, *out],
        ["pretrain", "--data", str(prepared), "--init", str(checkpoint), "--steps", "1", *out],
    ]
    lines = "".join(json.dumps(words) + "\n" for words in calls)
    done = subprocess.run(
        [sys.executable, str(_PROGRAM), "sentencepiece"], env=package_process.environment(), input=lines,
        text=True, capture_output=True, timeout=package_process.LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = map(json.loads, done.stdout.splitlines())
    for words, (code, _, said) in zip(calls, answers, strict=True):
        assert code == 2, (words, said)
        assert "pip install 'mlm-pretrain[sentencepiece]'" in said, words
        assert str(checkpoint) in said
        assert "tiktoken" not in said and "Traceback" not in said
    assert "tiktoken" not in done.stderr
    assert not (tmp_path / "out" / "runs").exists()


def test_with_the_library_it_is_read_like_any_other(
    checkpoint: Path, texts: list[str], corpus_file: Path, tmp_path: Path
) -> None:
    library: Any = pytest.importorskip("sentencepiece")
    pytest.importorskip("google.protobuf")
    library.SentencePieceTrainer.train(
        sentence_iterator=iter("\n".join(texts[:20]).splitlines()), vocab_size=ENTRIES, pad_id=0,
        model_prefix=str(checkpoint / "spm"), unk_id=3, bos_id=1, eos_id=2, pad_piece="[PAD]",
        bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]", minloglevel=2,
    )  # fmt: skip
    tokenizer = open_tokenizer(checkpoint)
    read = tokenizer("the value of an expression")["input_ids"]
    assert len(read) > 5 and tokenizer.unk_token_id not in read
    assert row_length(checkpoint) == 64
    config = PrepareConfig(max_length=64, validation_share=0.05, processes=1)
    report = prepare([str(corpus_file)], checkpoint, tmp_path / "data", config)
    assert report["train"]["rows"] > 10
    assert evaluate(checkpoint, corpus_file, limit_rows=4)["loss_nats"] > 0


@pytest.mark.parametrize("content", ["not JSON", "{}", '{"model": {"type": "Unheard-of"}}'])
@pytest.mark.parametrize("verb", ["adapt", "domain", "evaluate", "finetune"])
def test_a_damaged_tokenizer_is_one_line(
    verb: str, content: str, tiny_model: Path, corpus_file: Path, tmp_path: Path, capfd: Any
) -> None:
    leave = shutil.ignore_patterns("manifest.json")
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model", ignore=leave))
    (folder / "tokenizer.json").write_text(content)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(json.dumps({"text": f"t {n}", "label": n % 2}) + "\n" for n in range(9))
    )
    out = ["--out", tmp_path / "out"]
    words = {
        "adapt": ["--corpus", corpus_file, *out], "domain": ["--corpus", corpus_file, *out],
        "evaluate": ["--data", corpus_file],
        "finetune": ["--train", rows, "--validation", rows, *out],
    }  # fmt: skip
    verbs = ["finetune", "sentiment"] if verb == "finetune" else [verb]
    done = package_process.call_verb(capfd, *verbs, "--model", folder, *words[verb])
    assert done.returncode == 2, done.stderr
    assert f"{folder}: no tokenizer could be loaded (" in done.stderr
    assert "Traceback" not in done.stderr
