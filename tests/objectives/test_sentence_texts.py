"""Sentences as texts of their own: all of a segment's tokens, in order, between its start and end token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mlm_pretrain.objectives.contrastive.collator import FEWEST_TOKENS, ContrastiveCollator
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.sentences import sentence_texts
from mlm_pretrain.objectives.vocabulary import read_vocabulary

KINDS = ["wordpiece", "byte-bpe", "unigram", "bpe"]
SENTENCES = [
    "The function returns a new array.",
    "It has the same type.",
    "Then an error is raised.",
]


def ids_of(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


def segment(tokenizer: Any, text: str) -> Any:
    return np.array([tokenizer.cls_token_id, *ids_of(tokenizer, text), tokenizer.sep_token_id])


@pytest.mark.parametrize("kind", KINDS)
def test_each_sentence_is_a_text_of_its_own(kind: str, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers[kind]
    whole = segment(tokenizer, " ".join(SENTENCES))
    found = sentence_texts(whole, read_vocabulary(tokenizer), "en", fewest_tokens=3)
    assert len(found) == len(SENTENCES)
    assert [tokenizer.decode(text[1:-1]).strip().lower() for text in found] == [
        tokenizer.decode(ids_of(tokenizer, sentence)).strip().lower() for sentence in SENTENCES
    ]
    for text in found:
        assert (text[0], text[-1]) == (whole[0], whole[-1])
    assert np.array_equal(np.concatenate([text[1:-1] for text in found]), whole[1:-1])


def test_what_is_too_short_goes_with_its_neighbour(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["wordpiece"]
    vocabulary = read_vocabulary(tokenizer)
    long, few = SENTENCES[0], "No."
    for sentences in ([few, long], [long, few], [few, few]):
        whole = segment(tokenizer, " ".join(sentences))
        (found,) = sentence_texts(whole, vocabulary, "en", fewest_tokens=5)
        assert np.array_equal(found, whole)
    first, second = sentence_texts(
        segment(tokenizer, " ".join([long, few, long])), vocabulary, "en", fewest_tokens=5
    )
    assert [len(text) - 2 for text in (first, second)] == [
        len(ids_of(tokenizer, text)) for text in (long, f"{few} {long}")
    ]


def test_a_segment_that_cannot_be_read_stays_whole(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["wordpiece"]
    vocabulary = read_vocabulary(tokenizer)
    text = segment(tokenizer, " ".join(SENTENCES))
    text[4] = tokenizer.mask_token_id
    for whole in (text, text[[0, -1]]):
        (found,) = sentence_texts(whole, vocabulary, "en", fewest_tokens=3)
        assert np.array_equal(found, whole)


def test_a_row_of_segments_becomes_a_row_of_sentences(tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers["wordpiece"]
    segments = [segment(tokenizer, " ".join(SENTENCES)), segment(tokenizer, SENTENCES[1])]
    row = {
        "input_ids": np.concatenate(segments), "segment_lengths": [len(part) for part in segments],
        "epoch": 0, "example": 7,
    }  # fmt: skip
    settings = ContrastiveConfig(texts="sentences", positives="dropout")
    batch = ContrastiveCollator(read_vocabulary(tokenizer), settings, 3)([row])
    half = batch["input_ids"].shape[1] // 2
    expected = [segment(tokenizer, sentence) for sentence in (*SENTENCES, SENTENCES[1])]
    assert all(len(text) - 2 >= FEWEST_TOKENS for text in expected)
    for view, first in ((slice(0, half), 1), (slice(half, None), 1 + len(expected))):
        for number, text in enumerate(expected, start=first):
            place = batch["segment_ids"][0, view] == number
            assert batch["input_ids"][0, view][place].tolist() == text.tolist()
            assert torch.equal(batch["position_ids"][0, view][place], torch.arange(len(text)))
