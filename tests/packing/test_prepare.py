"""From text to rows and back, through files and processes."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from families import BERT, TEXTS, byte_bpe, save, wordpiece, write_corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.manifest import read_manifest
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
from mlm_pretrain.packing.batches import Batches
from mlm_pretrain.packing.boundaries import _open_with_transformers, open_tokenizer_folder
from mlm_pretrain.packing.library import open_tokenizer

START, END = 2, 3


def in_this_process(**settings: object) -> PrepareConfig:
    return PrepareConfig(**{"processes": 1, "max_length": 128, **settings})  # type: ignore[arg-type]


def segments_of(dataset: PackedDataset) -> list[tuple[tuple[int, ...], bool]]:
    """Every segment's ids, and whether it ends its document."""
    found = []
    for i in range(len(dataset)):
        row = dataset[i]
        parts = np.split(row["input_ids"], np.cumsum(row["segment_lengths"])[:-1])
        found += [(tuple(p.tolist()), f) for p, f in zip(parts, row["segment_final"], strict=True)]
    return found


def library_ids(folder: Path, texts: list[str]) -> list[list[int]]:
    tokenizer = open_tokenizer((folder / "tokenizer.json").read_text(encoding="utf-8"))
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def can_rebuild(ids: list[int], inners: Counter[tuple[int, ...]]) -> bool:
    """Whether `ids` is some order of the given segments, each used once."""
    if not ids:
        return not +inners
    for length in {len(inner) for inner in +inners}:
        part = tuple(ids[:length])
        if inners[part] and can_rebuild(ids[length:], inners - Counter([part])):
            return True
    return False


words = st.text(st.sampled_from("abcdefghij ,.é\n"), min_size=1, max_size=700)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(words.filter(str.strip), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_one_document_at_a_time_is_rebuilt_exactly(
    bert_folder: Path, tmp_path: Path, texts: list[str], seed: int
) -> None:
    """A single document a corpus: rows flush in no order, but lengths tell which follows which."""
    for text in texts:
        corpus = write_corpus(tmp_path / "one.jsonl", [text])
        config = in_this_process(validation_share=0.0, seed=seed, open_rows=1000)
        prepare([corpus], bert_folder, tmp_path / "out", config, overwrite=True)
        found = segments_of(PackedDataset(tmp_path / "out", "train"))
        assert sum(final for _, final in found) == 1
        assert all(s[0] == START and s[-1] == END and len(s) <= 128 for s, _ in found)
        inners = Counter(s[1:-1] for s, _ in found)
        assert can_rebuild(library_ids(bert_folder, [text])[0], inners)


@pytest.fixture(scope="module")
def prepared(
    bert_folder: Path, corpus: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    out = tmp_path_factory.mktemp("prepared") / "out"
    config = in_this_process(validation_share=0.2, shard_bytes=100_000)
    return out, prepare([corpus], bert_folder, out, config)


def test_no_token_is_lost_or_repeated(prepared: tuple[Path, dict], bert_folder: Path) -> None:
    out, report = prepared
    train = segments_of(PackedDataset(out, "train"))
    validation = segments_of(PackedDataset(out, "validation"))
    assert report["tokeniser_path"] == "word cache"
    expected = Counter(id for ids in library_ids(bert_folder, TEXTS) for id in ids)
    got = Counter(id for segment, _ in train + validation for id in segment[1:-1])
    assert got == expected
    assert sum(final for _, final in train + validation) == len(TEXTS)
    assert report["train"]["documents"] + report["validation"]["documents"] == len(TEXTS)
    sizes = sum(len(text.encode()) for text in TEXTS)
    assert report["train"]["text_bytes"] + report["validation"]["text_bytes"] == sizes


def test_rows_are_full_and_within_bounds(prepared: tuple[Path, dict]) -> None:
    out, report = prepared
    data = PackedDataset(out, "train")
    assert len(list((out / "train").glob("tokens-*.bin"))) > 2
    assert report["train"]["fill"] >= 0.97
    lengths = [len(data[i]["input_ids"]) for i in range(len(data))]
    assert max(lengths) <= data.max_length == 128
    assert lengths == data.row_lengths.tolist()
    assert sum(lengths) / (len(data) * 128) == pytest.approx(report["train"]["fill"], abs=1e-4)
    for i in range(len(data)):
        row = data[i]
        assert row["segment_lengths"].sum() == len(row["input_ids"])
        assert row["input_ids"].dtype == np.int64 and row["segment_lengths"].dtype == np.int32


def test_validation_is_cut_into_full_windows(prepared: tuple[Path, dict]) -> None:
    found = segments_of(PackedDataset(prepared[0], "validation"))
    lengths = [len(ids) for ids, _ in found]
    unfinished = [len(ids) for ids, final in found if not final]
    assert max(lengths) == 128
    assert np.mean(np.array(unfinished) == 128) > 0.9  # the rest share a tail


def test_processes_do_not_change_what_is_written(
    prepared: tuple[Path, dict], bert_folder: Path, corpus: str, tmp_path: Path
) -> None:
    settings = {"validation_share": 0.2, "shard_bytes": 100_000, "batch_bytes": 20_000}
    for processes in (1, 2):
        config = in_this_process(**settings, processes=processes)
        prepare([corpus], bert_folder, tmp_path / str(processes), config)
    first, second = (read_manifest(tmp_path / str(n), "prepare") for n in (1, 2))
    assert first.content_hash == second.content_hash
    assert first.content_hash == read_manifest(prepared[0], "prepare").content_hash


def test_the_seed_changes_cuts(
    prepared: tuple[Path, dict], bert_folder: Path, corpus: str, tmp_path: Path
) -> None:
    config = in_this_process(validation_share=0.2, seed=1)
    prepare([corpus], bert_folder, tmp_path / "out", config)
    first, second = (PackedDataset(p, "train") for p in (prepared[0], tmp_path / "out"))
    assert first[0]["segment_lengths"].tolist() != second[0]["segment_lengths"].tolist()


def test_copies_of_a_document_fall_on_one_side(bert_folder: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "double.jsonl", TEXTS + TEXTS[::-1])
    report = prepare([corpus], bert_folder, tmp_path / "out", in_this_process(validation_share=0.3))
    assert report["validation"]["documents"] % 2 == 0
    splits = [segments_of(PackedDataset(tmp_path / "out", s)) for s in ("train", "validation")]
    assert all(len(split) for split in splits)
    long = [{ids for ids, _ in split if len(ids) > 60} for split in splits]
    assert not long[0] & long[1]


def test_a_later_piece_stays_with_its_document_when_the_first_is_dropped(tmp_path: Path) -> None:
    """A document may begin as another does: its first piece goes, the others are where they were."""
    numbers = range(30)
    beginnings = [f"{n:060}" for n in numbers]
    documents = [f"{beginnings[n]} ends {n} in one way" for n in numbers]
    documents += [f"{beginnings[n]} ends {n} in another" for n in reversed(numbers)]
    corpus = write_corpus(tmp_path / "long.jsonl", documents)

    def places(**settings: object) -> dict[str, tuple[str, int]]:
        read = ReadOptions(max_document_bytes=64, **settings)  # type: ignore[arg-type]
        config = in_this_process(validation_share=0.3, read=read)
        return {
            text: (batch.split, key)
            for batch in Batches([corpus], config)
            for text, key in zip(batch.texts, batch.keys, strict=True)
        }

    found = places(drop_duplicates=True)
    assert found == places()
    assert len(found) == 3 * len(numbers)
    assert {split for split, _ in found.values()} == {"train", "validation"}


def test_validation_files_are_kept_out_of_training(bert_folder: Path, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "all.jsonl", TEXTS[:20])
    held = write_corpus(tmp_path / "held.jsonl", TEXTS[:5])
    config = in_this_process(validation_corpus=[held])
    report = prepare([corpus], bert_folder, tmp_path / "out", config)
    assert report["validation"]["documents"] == 5
    assert report["train"]["documents"] == 15
    assert report["training_documents_held_out"] == 5


def test_end_token_alone(tmp_path: Path, corpus: str) -> None:
    """T5 opens nothing; every segment closes with its end token."""
    folder = save(byte_bpe(), tmp_path / "tokenizer", eos_token="</s>", pad_token="<pad>")
    prepare([corpus], folder, tmp_path / "out", in_this_process())
    found = segments_of(PackedDataset(tmp_path / "out", "train"))
    assert all(ids[-1] == 2 and 2 not in ids[:-1] for ids, _ in found)


def test_dataset_travels_to_other_processes(prepared: tuple[Path, dict]) -> None:
    data = PackedDataset(prepared[0], "train")
    row = data[3]
    packed = pickle.dumps(data)
    assert len(packed) < 20_000  # paths, not rows
    copy = pickle.loads(packed)
    assert copy[3]["input_ids"].tolist() == row["input_ids"].tolist()
    assert data[-1]["input_ids"].tolist() == data[len(data) - 1]["input_ids"].tolist()
    with pytest.raises(IndexError):
        data[len(data)]


def test_manifest_says_what_was_read(prepared: tuple[Path, dict], corpus: str) -> None:
    manifest = read_manifest(prepared[0], "prepare")
    assert manifest.inputs["corpus"]["path"] == [corpus]
    assert set(manifest.inputs["tokenizer"]) == {"path", "xxh3_128"}
    assert manifest.counts["validation"]["text_bytes"] > 0
    config = json.loads((prepared[0] / "tokenizer" / "tokenizer_config.json").read_text())
    assert config["cls_token"] == BERT["cls_token"]


@pytest.mark.parametrize("tokens", [BERT, {"eos_token": "</s>"}])
def test_tokenizer_is_read_as_transformers_reads_it(tmp_path: Path, tokens: dict[str, str]) -> None:
    tokenizer = wordpiece() if "cls_token" in tokens else byte_bpe()
    folder = save(tokenizer, tmp_path / "tokenizer", **tokens)
    opened = open_tokenizer_folder(folder)
    assert opened.library is None
    reference = _open_with_transformers(folder)
    assert opened.token_ids == reference.token_ids
    assert opened.vocab_size == reference.vocab_size
    assert opened.model_max_length == reference.model_max_length == 512
    ids = [open_tokenizer(o.content).encode(TEXTS[0]).ids for o in (opened, reference)]
    assert ids[0] == ids[1]
