"""What is refused, what breaks, and what is left behind then."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from families import BERT, TEXTS, byte_bpe, save, wordpiece, write_corpus

from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import MANIFEST
from mlm_pretrain.packing import PackedDataset, PrepareConfig, describe_plan, prepare
from mlm_pretrain.packing.plan import check_disk

SMALL = PrepareConfig(processes=1, max_length=128, validation_share=0.0)


@pytest.mark.fault("missing-special-token")
@pytest.mark.parametrize("missing", ["cls_token", "sep_token", "pad_token"])
def test_missing_special_token(tmp_path: Path, corpus: str, missing: str) -> None:
    tokens = {name: token for name, token in BERT.items() if name != missing}
    folder = save(wordpiece(), tmp_path / "tokenizer", **tokens)
    with pytest.raises(InputError, match=rf"has no {missing}[\s\S]*tokenizer_config.json"):
        prepare([corpus], folder, tmp_path / "out", SMALL)
    assert not (tmp_path / "out").exists()


def test_an_end_token_without_padding(tmp_path: Path, corpus: str) -> None:
    """As GPT-2 comes: refused here, where the advice can be followed, and not by pretraining."""
    folder = save(byte_bpe(), tmp_path / "tokenizer", eos_token="</s>")
    with pytest.raises(InputError, match=r"has no pad_token[\s\S]*tokenizer_config.json"):
        prepare([corpus], folder, tmp_path / "out", SMALL)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pad_token": "</s>"}))
    assert prepare([corpus], folder, tmp_path / "out", SMALL)["train"]["rows"]


def test_code_in_a_tokenizer_folder_is_not_run(
    bert_folder: Path, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where whoever sits at the terminal would say yes when asked."""
    folder, sign = tmp_path / "tokenizer", tmp_path / "was-run"
    shutil.copytree(bert_folder, folder)
    settings = {"auto_map": {"AutoTokenizer": [None, "own.Own"]}, **BERT}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(
        f"open({str(sign)!r}, 'w').close()\n"
        "from transformers import PreTrainedTokenizerFast as Own\n"
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n" * 9))
    with pytest.raises(InputError, match="no tokenizer could be loaded"):
        prepare([corpus], folder, tmp_path / "out", SMALL)
    assert not sign.exists()


def test_no_special_tokens_at_all(tmp_path: Path, corpus: str) -> None:
    folder = save(byte_bpe(), tmp_path / "tokenizer")
    with pytest.raises(InputError, match="has no cls_token and sep_token"):
        prepare([corpus], folder, tmp_path / "out", SMALL)


@pytest.mark.fault("too-long")
def test_longer_than_the_tokenizer_allows(bert_folder: Path, corpus: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1024 > 512"):
        prepare([corpus], bert_folder, tmp_path / "out", PrepareConfig(max_length=1024))


def test_contradicting_settings(bert_folder: Path, corpus: str, tmp_path: Path) -> None:
    config = PrepareConfig(max_length=32, shortest_segment=64)
    with pytest.raises(InputError, match="shortest_segment 64 > max_length 32"):
        prepare([corpus], bert_folder, tmp_path / "out", config)


def test_no_tokenizer(tmp_path: Path, corpus: str) -> None:
    with pytest.raises(InputError, match="no tokenizer could be loaded"):
        prepare([corpus], tmp_path, tmp_path / "out", SMALL)


@pytest.mark.fault("empty-corpus")
def test_nothing_to_train_on(bert_folder: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "accents.jsonl", ["\u0301\u0301"])  # codes to no token
    with pytest.raises(InputError, match="0 training rows"):
        prepare([corpus], bert_folder, tmp_path / "out", SMALL)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.fault("empty-corpus")
def test_documents_without_tokens_are_counted(bert_folder: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "some.jsonl", [TEXTS[0], "\u0301\u0301", TEXTS[1]])
    report = prepare([corpus], bert_folder, tmp_path / "out", SMALL)
    assert report["train"]["empty_documents"] == 1
    assert report["train"]["documents"] == 3


def test_truncation_and_dropout_of_the_tokenizer_are_set_aside(corpus: str, tmp_path: Path) -> None:
    tokenizer = byte_bpe()
    tokens = {"eos_token": "</s>", "pad_token": "<pad>"}
    plain = save(tokenizer, tmp_path / "plain", **tokens)
    content = json.loads((plain / "tokenizer.json").read_text())
    content["model"]["dropout"] = 0.5
    tokenizer.enable_truncation(8)
    content["truncation"] = json.loads(tokenizer.to_str())["truncation"]
    lossy = save(byte_bpe(), tmp_path / "lossy", **tokens)
    (lossy / "tokenizer.json").write_text(json.dumps(content))
    reports = [prepare([corpus], f, tmp_path / f"{f.name}-out", SMALL) for f in (plain, lossy)]
    assert reports[0]["train"] == reports[1]["train"]


def test_disk_too_small(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs about 1000000000\.00 GB, has \d"):
        check_disk(1e18, tmp_path / "not" / "yet")


def test_dry_run_writes_nothing(bert_folder: Path, corpus: str, tmp_path: Path) -> None:
    plan = describe_plan([corpus], bert_folder, tmp_path / "out", SMALL)
    report = prepare([corpus], bert_folder, tmp_path / "real", SMALL)
    assert not (tmp_path / "out").exists()
    assert plan["expected_tokens"] == pytest.approx(report["train"]["tokens"], rel=0.2)
    written = sum(p.stat().st_size for p in (tmp_path / "real" / "train").iterdir())
    assert written < plan["needed_bytes"] * 1.2


@pytest.fixture
def prepared(bert_folder: Path, corpus: str, tmp_path: Path) -> Path:
    prepare([corpus], bert_folder, tmp_path / "out", SMALL)
    return tmp_path / "out"


@pytest.mark.fault("corrupt-archive")
def test_flipped_bit_is_named(prepared: Path) -> None:
    victim = prepared / "train" / "tokens-00000.bin"
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    PackedDataset(prepared, "train")  # sizes alone are compared unless asked
    with pytest.raises(InputError, match=r"train/tokens-00000\.bin: its checksum"):
        PackedDataset(prepared, "train", verify_checksums=True)


@pytest.mark.fault("corrupt-archive")
def test_truncated_file_is_named(prepared: Path) -> None:
    victim = prepared / "train" / "segments.bin"
    victim.write_bytes(victim.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"train/segments\.bin: \d+ bytes, expected"):
        PackedDataset(prepared, "train")


def test_unknown_split(prepared: Path) -> None:
    assert len(PackedDataset(prepared, "validation")) == 0
    with pytest.raises(InputError, match="has no split 'test'"):
        PackedDataset(prepared, "test")


def test_finished_output_is_not_replaced_unasked(
    prepared: Path, bert_folder: Path, corpus: str
) -> None:
    with pytest.raises(InputError, match="is not empty"):
        prepare([corpus], bert_folder, prepared, SMALL)
    prepare([corpus], bert_folder, prepared, SMALL, overwrite=True)


def test_what_is_replaced_stays_until_the_new_is_whole(
    prepared: Path, bert_folder: Path, corpus: str, tmp_path: Path
) -> None:
    """The last row is a bad one, which is found when nearly all is written."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "fine words"}\n' * 500 + "not JSON\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"bad\.jsonl:501"):
        prepare([str(bad)], bert_folder, prepared, SMALL, overwrite=True)
    assert {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()} == before
    assert not prepared.with_name(f"{prepared.name}.new").exists()
    report = prepare([corpus], bert_folder, prepared, SMALL, overwrite=True)
    assert report["out"] == str(prepared)
    assert not prepared.with_name(f"{prepared.name}.new").exists()
    PackedDataset(prepared, "train", verify_checksums=True)


@pytest.mark.fault("disk-full")
def test_disk_full_while_writing(bert_folder: Path, corpus: str, tmp_path: Path) -> None:
    """A limit on file size stands in for the full disk: the write itself fails."""
    script = _script(corpus, bert_folder, tmp_path / "out", processes=1)
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
    done = subprocess.run([sys.executable, "-c", limit + script], capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{tmp_path / 'out'}: cannot be written further" in done.stderr
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert not list((tmp_path / "out").iterdir())


def _script(corpus: str, tokenizer: Path, out: Path, processes: int) -> str:
    config = f"PrepareConfig(processes={processes}, batch_bytes=2000)"
    return (
        "from mlm_pretrain.packing import prepare, PrepareConfig; "
        f"prepare([{corpus!r}], {str(tokenizer)!r}, {str(out)!r}, {config})"
    )


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


@pytest.fixture
def running(bert_folder: Path, tmp_path: Path) -> subprocess.Popen[str]:
    """A preparation of much text on two processes, once these are at work."""
    corpus = write_corpus(tmp_path / "long.jsonl", TEXTS * 200)
    script = _script(corpus, bert_folder, tmp_path / "out", processes=2)
    # What is started in the background of a script inherits that Ctrl-C is ignored.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    script = listen + script
    parent = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    tokens = tmp_path / "out" / "train" / "tokens-00000.bin"
    while not (tokens.exists() and len(_children(parent.pid)) == 2):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.02)
    return parent


def _gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}/exe").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


pytestmark_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytestmark_linux
def test_killed_worker(running: subprocess.Popen[str], tmp_path: Path) -> None:
    children = _children(running.pid)
    os.kill(children[0], signal.SIGKILL)
    _, errors = running.communicate(timeout=30)
    assert running.returncode != 0
    assert f"a tokenising process (pid {children[0]}) ended by signal SIGKILL" in errors
    assert list((tmp_path / "out").iterdir()) == []
    assert _gone(children)


@pytestmark_linux
def test_interrupted(running: subprocess.Popen[str], tmp_path: Path) -> None:
    children = _children(running.pid)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode != 0
    assert list((tmp_path / "out").iterdir()) == []
    assert _gone(children)


@pytestmark_linux
def test_killed_parent(
    running: subprocess.Popen[str], tmp_path: Path, bert_folder: Path, corpus: str
) -> None:
    """What a killed run leaves is not taken for data, and may be replaced."""
    children = _children(running.pid)
    running.kill()
    running.communicate(timeout=30)
    assert _gone(children)
    with pytest.raises(InputError, match="did not finish"):
        PackedDataset(tmp_path / "out", "train")
    prepare([corpus], bert_folder, tmp_path / "out", SMALL, overwrite=True)
    assert len(PackedDataset(tmp_path / "out", "train"))
