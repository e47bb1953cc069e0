"""What a user can get wrong, and what hostile text does."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import package_process
import pytest
from full_disk import full_disk
from tokenizers import Tokenizer

from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import UNFINISHED
from tokenizer_training import ALGORITHMS, TokenizerConfig, plan_tokenizer, train_tokenizer

ALGORITHM_NAMES = list(ALGORITHMS)
WriteCorpus = Callable[[list[str]], str]


@pytest.mark.fault("small-corpus")
@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_too_small_a_corpus_names_a_size_that_works(
    write_corpus: WriteCorpus, words: list[str], tmp_path: Path, algorithm: str
) -> None:
    corpus = write_corpus(words * 4)
    with pytest.raises(InputError, match="75% of the documents are duplicates") as caught:
        train_tokenizer([corpus], algorithm, 8192, tmp_path / "out")
    feasible = int(re.findall(r"yields (\d+) entries", str(caught.value))[0])
    result = train_tokenizer([corpus], algorithm, feasible, tmp_path / "out")
    assert result["vocab_size"] == feasible
    with pytest.raises(InputError, match=f"yields {feasible} entries"):
        train_tokenizer([corpus], algorithm, feasible + 1, tmp_path / "more")


@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_too_small_a_vocabulary_names_a_minimum_that_works(
    english: str, tmp_path: Path, algorithm: str
) -> None:
    with pytest.raises(InputError, match=r"the minimum here is \d+ \(5 special tokens") as caught:
        train_tokenizer([english], algorithm, 20, tmp_path / "out")
    minimum = int(re.findall(r"minimum here is (\d+)", str(caught.value))[0])
    with pytest.raises(InputError, match=f"minimum here is {minimum}"):
        train_tokenizer([english], algorithm, minimum - 1, tmp_path / "out")
    assert train_tokenizer([english], algorithm, minimum, tmp_path / "out")["vocab_size"] == minimum


@pytest.mark.fault("giant-line")
@pytest.mark.parametrize("algorithm", ALGORITHM_NAMES)
def test_a_word_of_two_megabytes_costs_little(
    write_corpus: WriteCorpus, paragraphs: list[str], tmp_path: Path, algorithm: str
) -> None:
    giant = "".join(chr(97 + index * index % 23) for index in range(2 << 20))
    corpus = write_corpus([*paragraphs[:500], giant])
    config = TokenizerConfig(reading=ReadOptions(max_document_bytes=4 << 20))
    started = time.perf_counter()
    result = train_tokenizer([corpus], algorithm, 600, tmp_path / "out", config)
    tokenizer = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert len(tokenizer.encode(giant)) > 2
    assert time.perf_counter() - started < 30
    assert result["counts"]["words_too_long"] == 1


@pytest.mark.fault("empty-corpus")
def test_an_empty_corpus_is_an_error(write_corpus: WriteCorpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 documents in"):
        train_tokenizer([write_corpus(["", "  "])], "wordpiece", 100, tmp_path / "out")
    with pytest.raises(InputError, match="no word of at most 100 characters"):
        train_tokenizer([write_corpus(["x" * 5000])], "wordpiece", 100, tmp_path / "out")


def test_an_unknown_algorithm_names_the_nearest(english: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean wordpiece"):
        train_tokenizer([english], "word-piece", 1000, tmp_path / "out")


def test_a_tokenizer_is_replaced_only_when_asked_and_only_by_a_finished_one(
    english: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train_tokenizer([english], "wordpiece", 500, out)
    before = (out / "tokenizer.json").read_bytes()
    for call in (train_tokenizer, plan_tokenizer):
        with pytest.raises(InputError, match="--overwrite"):
            call([english], "wordpiece", 600, out)
    with pytest.raises(InputError, match="yields"):
        train_tokenizer([english], "wordpiece", 10**7, out, overwrite=True)
    assert (out / "tokenizer.json").read_bytes() == before
    assert train_tokenizer([english], "wordpiece", 600, out, overwrite=True)["vocab_size"] == 600


def test_planning_writes_nothing(english: str, tmp_path: Path) -> None:
    plan = plan_tokenizer([english], "unigram", 1000, tmp_path / "out")
    assert plan["corpus_bytes_on_disk"] == Path(english).stat().st_size
    assert not (tmp_path / "out").exists()


KILLED_BEFORE_ITS_MANIFEST = """
import os, signal, sys
import tokenizer_training.train as train

train.write_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
train.train_tokenizer([sys.argv[1]], "wordpiece", 500, sys.argv[2])
"""


@pytest.mark.fault("killed-mid-step")
def test_killed_before_it_was_whole_it_can_be_replaced(english: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = package_process.run(["-c", KILLED_BEFORE_ITS_MANIFEST, english, str(out)])
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (out / "tokenizer.json").is_file()
    with pytest.raises(InputError, match="--overwrite"):
        train_tokenizer([english], "wordpiece", 500, out)
    assert train_tokenizer([english], "wordpiece", 500, out, overwrite=True)["vocab_size"] == 500
    assert not (out / UNFINISHED).exists()


def test_a_folder_of_others_is_left_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="did not write"):
        train_tokenizer([str(tmp_path / "none.txt")], "bpe", 500, tmp_path / "mine", overwrite=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.fault("disk-full")
def test_a_disk_that_fills_up(english: str, tmp_path: Path) -> None:
    with (
        full_disk(1_000),
        pytest.raises(InputError, match="out: cannot be written further") as said,
    ):
        train_tokenizer([english], "wordpiece", 300, tmp_path / "out")
    assert said.value.way_out == "free some space and run again"
    assert not list((tmp_path / "out").iterdir())
