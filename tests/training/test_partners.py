"""Rows that come with another one: of another document for sure, and the same in any split of a step."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
import training_splits as splits
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import read_manifest, write_manifest
from mlm_pretrain.objectives import OBJECTIVES
from mlm_pretrain.objectives.masked import MaskedConfig
from mlm_pretrain.objectives.next_sentence import NextSentenceConfig
from mlm_pretrain.objectives.rows import PARTNER
from mlm_pretrain.objectives.token_loss import IGNORED
from mlm_pretrain.objectives.vocabulary import read_vocabulary
from mlm_pretrain.packing import PackedDataset, PrepareConfig, prepare
from mlm_pretrain.training.partners import drawn_partner
from mlm_pretrain.training.placement import DealtBatches, Place, PlacedDataset, shuffled
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from mlm_pretrain.training.trainers import TRAINERS

SEEN = NextSentenceConfig(masking=MaskedConfig(mask_share=0.0, random_share=0.0))
# Words of a document begin with its own letter, so that each token says where it is from.
LETTERS = "abcdefghijkl"
# One fills most rows, some several, some a part of one; the last is a copy of the fourth.
SENTENCES = [900, 40, 40, 30, 12, 9, 6, 6, 4, 4, 3, 2]
SHOWN = ("input_ids", "labels", "next_labels", "token_type_ids")
SPECIAL = {name: f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}


def words_of(letter: str) -> list[str]:
    return [f"{letter}{vowel}{last}" for vowel in "aeiou" for last in "nrt"]


def text_of(letter: str, sentences: int) -> str:
    words = words_of(letter)
    made = [
        [words[(7 * n + 3 * i + n * i) % 15] for i in range(4 + n % 5)] for n in range(sentences)
    ]
    return " ".join(" ".join(sentence) + "." for sentence in made)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pieces = [*SPECIAL.values(), ".", *(word for letter in LETTERS for word in words_of(letter))]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    library = Tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL["unk"]))
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    roles = {f"{name}_token": token for name, token in SPECIAL.items()}
    folder = tmp_path_factory.mktemp("lettered") / "tokenizer"
    PreTrainedTokenizerFast(tokenizer_object=library, **roles).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def prepared_of(texts: list[str], tokenizer: Any, out: Path, **given: Any) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    corpus = out / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    config = PrepareConfig(max_length=64, validation_share=0.0, processes=1, open_rows=4, **given)
    prepare([str(corpus)], tokenizer.name_or_path, out / "data", config)
    return out / "data"


@pytest.fixture(scope="module")
def lettered(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> PackedDataset:
    """Rows of 64 tokens; documents longer than 2 kB were read in pieces."""
    texts = [text_of(*pair) for pair in zip(LETTERS, SENTENCES, strict=True)]
    out = prepared_of(
        [*texts, texts[3]], tokenizer, tmp_path_factory.mktemp("lettered"),
        read=ReadOptions(max_document_bytes=2_000),
    )  # fmt: skip
    return PackedDataset(out, "train")


def letters(ids: Any, tokenizer: Any) -> set[str]:
    """Of which documents these tokens are."""
    pieces = tokenizer.convert_ids_to_tokens([int(i) for i in ids])
    return {piece[0] for piece in pieces if piece[0] not in "[."}


def test_keys_tell_documents_apart(lettered: PackedDataset, tokenizer: Any) -> None:
    keys: dict[str, set[int]] = {}
    for row in (lettered[n] for n in range(len(lettered))):
        ends = row["segment_lengths"].cumsum()
        for end, length, key in zip(
            ends, row["segment_lengths"], row["segment_document"], strict=True
        ):
            (letter,) = letters(row["input_ids"][end - length : end], tokenizer)
            keys.setdefault(letter, set()).add(int(key))
    assert set(keys) == set(LETTERS)
    assert all(len(found) == 1 for found in keys.values())  # of pieces and copies too
    assert len(set.union(*keys.values())) == len(LETTERS)


def test_the_second_part_is_of_another_document_or_the_first_one_s(
    lettered: PackedDataset, tokenizer: Any
) -> None:
    placed = PlacedDataset(lettered, 5, has_partners=True)
    collator = OBJECTIVES["nsp"].collator(read_vocabulary(tokenizer), SEEN, 5)
    counts = {0: 0, 1: 0}
    for epoch in range(20):
        batch = collator([placed[Place(epoch, number)] for number in range(len(lettered))])
        for row, at in torch.nonzero(batch["next_labels"] != IGNORED).tolist():
            its = batch["segment_ids"][row] == batch["segment_ids"][row, at]
            ids, types = batch["input_ids"][row, its], batch["token_type_ids"][row, its]
            first, second = (letters(ids[types == n], tokenizer) for n in (0, 1))
            assert len(first) == len(second) == 1
            label = int(batch["next_labels"][row, at])
            assert (first != second) == bool(label)
            counts[label] += 1
    assert min(counts.values()) > 500
    assert counts[1] / sum(counts.values()) == pytest.approx(0.5, abs=0.04)


def test_rows_of_a_document_that_fills_most_find_a_partner(
    lettered: PackedDataset, tokenizer: Any
) -> None:
    partners = [
        (row := lettered[n], drawn_partner(lettered, 1, {**row, "epoch": 0, "example": n}))
        for n in range(len(lettered))
    ]
    found = [
        bool(set(partner["segment_document"].tolist()) - set(row["segment_document"].tolist()))
        for row, partner in partners
    ]
    most = max(
        LETTERS, key=lambda c: sum(c in letters(r["input_ids"], tokenizer) for r, _ in partners)
    )
    assert most == "a" and sum(found) > 0.95 * len(found)


def test_any_split_of_a_step_gives_the_same_rows(lettered: PackedDataset, tokenizer: Any) -> None:
    collator = OBJECTIVES["nsp"].collator(read_vocabulary(tokenizer), NextSentenceConfig(), 5)
    placed, size = PlacedDataset(lettered, 5, has_partners=True), len(lettered)

    def rows(count: int, processes: int) -> dict[Any, list[list[int]]]:
        """What the model sees of each example, without its padding."""
        seen = {}
        for epoch, process in product((0, 1), range(processes)):
            dealt = DealtBatches(shuffled(5, size), size, count, processes, process)
            dealt.set_epoch(epoch)
            for places in (mine for mine in dealt if not mine[0].weightless):
                batch = collator(placed.__getitems__(places))
                for row, place in enumerate(places):
                    length = int((batch["input_ids"][row] != tokenizer.pad_token_id).sum())
                    shown = [batch[name][row, :length].tolist() for name in SHOWN]
                    seen[place.epoch, place.example] = shown
        return seen

    whole = rows(16, 1)
    assert len(whole) == 2 * size
    assert any(whole[0, n] != whole[1, n] for n in range(size))
    for split in ((4, 1), (1, 1), (8, 2), (3, 2)):
        assert rows(*split) == whole


def arguments(out: Path, **given: Any) -> Any:
    return splits.arguments(
        out, max_steps=3, per_device_train_batch_size=8, per_device_eval_batch_size=8, **given
    )


def test_a_dataset_of_one_s_own(prepared: Path, tmp_path: Path) -> None:
    """One text a row, with a column that says of which document; unknown columns are left out."""
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    data = PackedDataset(prepared, "train")
    rows = [
        {"input_ids": row["input_ids"][: row["segment_lengths"][0]].tolist(),
         "segment_document": int(row["segment_document"][0]), "title": f"row {n}"}
        for n, row in enumerate(data[n] for n in range(len(data)))
    ]  # fmt: skip
    table = datasets.Dataset.from_list(rows)
    trainer = TRAINERS["nsp"](
        model=splits.small_model("nsp/bert:2x64", tokenizer), train_dataset=table,
        args=arguments(tmp_path, dataloader_num_workers=2), processing_class=tokenizer,
        eval_dataset={"some": table.select(range(40)), "others": rows[40:80]},
    )  # fmt: skip
    trainer.train()
    lines = [line for line in trainer.state.log_history if "grad_norm" in line]
    assert len(lines) == 3 and sum(line["loss_next"] for line in lines) > 0.3
    found, again = trainer.evaluate(), trainer.evaluate()
    for name in ("eval_some_loss_next", "eval_others_loss_next"):
        assert 0.3 < found[name] == again[name] < 1.5
    with pytest.raises(InputError, match="takes text from other rows"):
        trainer.evaluate(table)


def test_rows_that_do_not_say_their_document_are_refused(prepared: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    rows = [{"input_ids": [2, 7, 8, 3]}, {"input_ids": [2, 9, 8, 3]}]
    given = {"model": splits.small_model("nsp/bert:2x64", tokenizer), "processing_class": tokenizer}
    trainer = TRAINERS["nsp"](args=arguments(tmp_path), train_dataset=rows, **given)
    with pytest.raises(InputError, match=r"do not say which document[\s\S]*segment_document"):
        trainer.train()
    same = [{**row, "segment_document": 5} for row in rows]
    with pytest.raises(InputError, match="all rows are of one document"):
        TRAINERS["nsp"](args=arguments(tmp_path), eval_dataset=same, **given)


def run(data: Path, out: Path) -> dict[str, Any]:
    config = PretrainConfig(
        data=str(data), out=str(out), arch="bert:2x64", objective="nsp", steps=2, batch_size=2,
        precision="fp32",
    )  # fmt: skip
    return pretrain(config)


def test_data_of_one_document_and_data_from_before_are_refused(
    tokenizer: Any, tmp_path: Path
) -> None:
    alone = prepared_of([text_of("a", 200)], tokenizer, tmp_path / "one")
    with pytest.raises(InputError, match="all rows are of one document"):
        run(alone, tmp_path / "run")
    several = prepared_of([text_of(c, 60) for c in "abc"], tokenizer, tmp_path / "three")
    manifest = read_manifest(several, "prepare")
    (several / "train" / "documents.bin").unlink()
    write_manifest(several, "prepare", manifest.config, manifest.inputs, manifest.counts)
    assert "segment_document" not in PackedDataset(several, "train")[0]
    with pytest.raises(InputError, match="prepare the text again"):
        run(several, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_partner_is_an_example_s_own_affair() -> None:
    """It follows from seed, epoch and example, and is drawn for no objective that does not ask."""
    rows = [{"input_ids": [n], "segment_document": [n]} for n in range(50)]
    plain, placed = PlacedDataset(rows), PlacedDataset(rows, 1, has_partners=True)
    assert PARTNER not in plain[Place(0, 3)]

    def drawn(data: PlacedDataset, epoch: int) -> list[int]:
        return [data[Place(epoch, n)][PARTNER]["segment_document"][0] for n in range(50)]

    assert drawn(placed, 0) == drawn(PlacedDataset(rows, 1, has_partners=True), 0)
    assert drawn(placed, 0) != drawn(placed, 1)
    assert drawn(placed, 0) != drawn(PlacedDataset(rows, 2, has_partners=True), 0)
    assert all(n != partner for n, partner in enumerate(drawn(placed, 0)))
    assert len(set(drawn(placed, 0))) > 20
