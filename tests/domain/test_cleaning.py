"""`clean`: what it writes, what it leaves out and counts, and that a mistake leaves nothing behind."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from planted import task_of, write_rows

from mlm_pretrain.corpus import Document, ReadOptions, read_corpus
from mlm_pretrain.domain import near_duplicates
from mlm_pretrain.domain.cleaning import clean
from mlm_pretrain.domain.near_duplicates import (
    BYTES_A_DOCUMENT,
    NearDuplicate,
    require_room,
    signature,
)
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest, verify

HELD = "A sentence of the test file that nobody may have read before."


def corpus_of(folder: Path, texts: list[str]) -> str:
    return write_rows(folder / "corpus.jsonl", [{"text": text} for text in texts])


def test_corpus_is_written_without_held_out_text(tmp_path: Path, texts: list[str]) -> None:
    task = task_of(tmp_path, "sentiment", [{"text": HELD, "label": "a"}])
    sound = [text for text in texts if text.strip()]
    dirty = [*sound[:3], HELD.upper(), f"{sound[3]}\n{HELD}", *sound[4:]]
    spec = corpus_of(tmp_path, dirty)
    result = clean([spec], tmp_path / "out", tasks=[task])
    assert [d.text for d in read_corpus([result["corpus"]])] == sound
    assert result["documents"] == len(sound)
    assert result["bytes"] == sum(len(text.encode()) for text in sound)
    assert result["overlap"]["corpus"]["documents_removed"] == 1
    assert json.loads((tmp_path / "out" / "overlap.json").read_text()) == result["overlap"]
    manifest = read_manifest(tmp_path / "out", "domain")
    verify(tmp_path / "out", manifest)
    assert set(manifest.inputs) == {"corpus", "planted validation"}
    again = clean([spec], tmp_path / "out", tasks=[task], overwrite=True)
    assert again == result
    with pytest.raises(InputError, match="not empty"):
        clean([spec], tmp_path / "out", tasks=[task])


def test_nothing_is_left_of_a_folder_when_nothing_is_left_of_the_corpus(tmp_path: Path) -> None:
    task = task_of(tmp_path, "sentiment", [{"text": HELD, "label": "a"}])
    with pytest.raises(InputError, match="nothing is left"):
        clean([corpus_of(tmp_path, [HELD])], tmp_path / "out", tasks=[task])
    assert not list((tmp_path / "out").iterdir())


def test_task_without_the_named_field_is_refused(tmp_path: Path) -> None:
    task = task_of(tmp_path, "sentiment", [{"sentence": HELD}])
    with pytest.raises(InputError, match=r"validation\.jsonl:1: no field 'text'"):
        clean([corpus_of(tmp_path, [HELD])], tmp_path / "out", tasks=[task])


def test_copies_and_near_copies_are_left_out_when_asked_for(
    tmp_path: Path, texts: list[str]
) -> None:
    long = [text for text in texts if len(text.split()) > 300][:12]
    words = long[0].split()
    words[100] = words[200] = "changed"
    near = " ".join(words)
    spec = corpus_of(tmp_path, [*long, long[1], near])
    kept = clean([spec], tmp_path / "all")
    assert kept["documents"] == len(long) + 2
    exact = clean([spec], tmp_path / "exact", reading=ReadOptions(drop_duplicates=True))
    assert exact["documents"] == len(long) + 1
    assert exact["read"]["exact_duplicate"] == 1
    both = clean([spec], tmp_path / "near", drop_near_duplicates=True)
    assert both["documents"] == len(long)
    assert both["read"]["near_duplicate"] == 2
    assert [d.text for d in read_corpus([both["corpus"]])] == long


def test_more_documents_than_memory_holds_are_refused_beforehand(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [Document(text, str(number)) for number, text in enumerate(texts)]
    room = len(documents) * BYTES_A_DOCUMENT / 0.8
    require_room(iter(documents), int(room) + BYTES_A_DOCUMENT)
    require_room(iter(documents))  # this machine has as much
    with pytest.raises(
        InputError, match=f"more than {len(documents) - 1} documents; each takes 1.2 KB"
    ):
        require_room(iter(documents), int(room) - BYTES_A_DOCUMENT // 2)
    monkeypatch.setattr(near_duplicates, "_memory_bytes", lambda: 2 * BYTES_A_DOCUMENT)
    spec = corpus_of(tmp_path, texts)
    with pytest.raises(InputError, match="more than 1 documents") as caught:
        clean([spec], tmp_path / "out", drop_near_duplicates=True)
    assert "--text-unit" in caught.value.way_out
    assert not (tmp_path / "out").exists()
    assert clean([spec], tmp_path / "out")["documents"] > 1


def test_what_is_said_of_memory_holds() -> None:
    rule, draws = NearDuplicate(), random.Random(0)
    count = 3000
    words = [f"word{n}" for n in range(500)]
    texts = [" ".join(draws.choices(words, k=9)) for _ in range(count)]
    signature(" ".join(words))  # the hashes of words are remembered by themselves
    tracemalloc.start()
    kept = sum(rule(Document(text, ""))[0] for text in texts)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept == count
    assert 0.5 * BYTES_A_DOCUMENT < held / count < 1.2 * BYTES_A_DOCUMENT


def test_signatures_agree_as_often_as_runs_are_shared() -> None:
    draw = random.Random(0)
    words = [f"word{draw.randrange(10**9)}" for _ in range(4000)]
    for shared in (0, 1000, 2000, 3000):
        # Runs of five words of two texts of 3,000 words.
        first, second = words[:3000], [*words[:shared], *(w + "x" for w in words[shared:3000])]
        runs = [{tuple(text[i : i + 5]) for i in range(len(text) - 4)} for text in (first, second)]
        jaccard = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
        agree = np.mean(signature(" ".join(first)) == signature(" ".join(second)))
        assert agree == pytest.approx(jaccard, abs=3 * 0.5 / 112**0.5)


def test_only_real_copies_among_real_texts_are_taken_for_copies(test_data: Path) -> None:
    rule = NearDuplicate()
    corpus = str(test_data / "imdb_reviews" / "corpus" / "validation.jsonl.gz")
    documents = list(read_corpus([corpus]))
    dropped = [document for document in documents if not rule(document)[0]]
    copies = [d for n, d in enumerate(documents) if any(d.text == e.text for e in documents[:n])]
    assert dropped == copies
    assert copies
