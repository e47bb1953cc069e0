"""How hard a row is: each measure against a plain loop, and on prepared rows."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
from mlm_pretrain.training.curriculum import CurriculumConfig, build_curriculum
from mlm_pretrain.training.curriculum.ranking import rank
from mlm_pretrain.training.curriculum.rows import row_blocks
from mlm_pretrain.training.curriculum.scores import MEASURES

TINY = [
    {"input_ids": np.array(ids), "segment_lengths": np.array(lengths)}
    for ids, lengths in (([1, 1, 1, 2], [2, 2]), ([3], [1]), ([1, 2, 5, 6, 7, 8], [6]))
]
WANTED = [{"input_ids": [1, 2, 2, 9], "segment_lengths": [4]}]


def log_shares(rows: list[dict[str, Any]], ids: list[int], size: int) -> list[float]:
    counts = Counter(int(i) for row in rows for i in row["input_ids"])
    total = sum(counts.values()) + size
    return [math.log((counts[i] + 1) / total) for i in ids]


def naive(measure: str, row: dict[str, Any], rows: list[dict[str, Any]], size: int) -> float:
    ids = [int(i) for i in row["input_ids"]]
    if measure == "length":
        return float(np.mean(row["segment_lengths"]))
    if measure == "diversity":
        return len(set(ids)) / len(ids)
    own = sum(log_shares(rows, ids, size)) / len(ids)
    return own - sum(log_shares(WANTED, ids, size)) / len(ids) if measure == "similarity" else -own


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_are_what_a_plain_loop_finds(measure: str, prepared: Path) -> None:
    """Without a vocabulary, sizes follow the largest id: 9 of the rows, 10 with the target's."""
    size = 10 if measure == "similarity" else 9
    found = MEASURES[measure](TINY, WANTED)
    assert found == pytest.approx([naive(measure, row, TINY, size) for row in TINY])
    data = PackedDataset(prepared, "train")
    rows = [data[i] for i in range(len(data))]
    real = MEASURES[measure](data, WANTED)
    assert real.shape == (len(data),)
    for place in (0, 17, len(data) - 1):
        assert real[place] == pytest.approx(naive(measure, rows[place], rows, data.vocab_size))


def test_blocks_are_the_rows_wherever_they_are_cut(
    corpus_file: Path, tokenizer_folders: dict[str, Path], tmp_path: Path
) -> None:
    """Over the ends of files too, as any other dataset of the same rows gives them."""
    config = PrepareConfig(max_length=64, processes=1, shard_bytes=4096)
    prepare([str(corpus_file)], tokenizer_folders["wordpiece"], tmp_path / "data", config)
    data = PackedDataset(tmp_path / "data", "train")
    assert len(list((data.folder / "train").glob("tokens-*"))) > 5
    plain = [data[i] for i in range(len(data))]
    for rows in (1, 7, 4096):
        pairs = list(zip(row_blocks(data, rows), row_blocks(plain, rows), strict=True))
        assert len(pairs) == -(-len(data) // rows)
        for found, expected in pairs:
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


def test_extreme_rows_get_extreme_scores(prepared: Path) -> None:
    """One word over and over is the most repetitive; words seen nowhere else are the rarest."""
    data = PackedDataset(prepared, "train")
    common = int(np.bincount(np.concatenate([b.ids_T for b in row_blocks(data)])).argmax())
    rows = [data[i] for i in range(len(data))]
    one_word, rare = [common] * 64, [*range(5000, 5064)]
    rows += [{"input_ids": np.array(ids), "segment_lengths": [64]} for ids in (one_word, rare)]
    rows.append({"input_ids": np.array([2, 3]), "segment_lengths": [2]})
    last, easiest = len(rows) - 1, {}
    for name in ("length", "entropy", "diversity"):
        scores = MEASURES[name](rows, None)
        easiest[name] = int(scores.argmin())
        assert scores[last - 1] == scores.max()
    assert easiest == {"length": last, "entropy": last - 2, "diversity": last - 2}
    alike = MEASURES["similarity"](rows, rows[last - 1 : last])
    assert alike.argmin() == last - 1


def test_ranks_shuffle_equal_rows_and_turn_round() -> None:
    scores = np.array([2.0, 1.0, 1.0, 1.0 + 1e-13, 0.5] * 20)
    ranked = rank(scores, reverse=False, seed=0)
    assert sorted(ranked) == list(range(100))
    assert (np.diff(scores[ranked]) > -1e-12).all()
    assert (np.diff(scores[rank(scores, reverse=True, seed=0)]) < 1e-12).all()
    equal = ranked[20:80].tolist()
    assert equal != sorted(equal)
    assert equal != rank(scores, reverse=False, seed=1)[20:80].tolist()


def test_a_target_must_be_prepared_data_of_the_same_tokenizer(
    prepared: Path, tokenizer_folders: dict[str, Path], corpus_file: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    data = PackedDataset(prepared, "train")
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    missing = CurriculumConfig(measure="similarity", target=str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="nowhere"):
        build_curriculum(missing, data, 0, tokenizer)
    config = PrepareConfig(max_length=64, processes=1)
    prepare([str(corpus_file)], tokenizer_folders["bpe"], tmp_path / "other", config)
    other = CurriculumConfig(measure="similarity", target=str(tmp_path / "other"))
    with pytest.raises(InputError, match="another tokenizer"):
        build_curriculum(other, data, 0, tokenizer)
    own = CurriculumConfig(measure="similarity", target=str(prepared))
    assert sorted(build_curriculum(own, data, 0, tokenizer).ranked_R) == list(range(len(data)))
