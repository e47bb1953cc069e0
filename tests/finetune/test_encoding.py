"""Features: which token stands for which word, which characters, and what is cut."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import numpy as np
import pytest
from tiny_problems import NAMES, OTHERS, byte_bpe, questions, wordpiece

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig
from mlm_pretrain.finetune.answering import Answering
from mlm_pretrain.finetune.batching import IGNORED
from mlm_pretrain.finetune.classification import Classification, shares
from mlm_pretrain.finetune.data import TaggedExample, TextExample
from mlm_pretrain.finetune.questions import QuestionExample
from mlm_pretrain.finetune.spans import Span, answer_tokens, best_spans, trimmed
from mlm_pretrain.finetune.tagging import NO_WORD, Tagging, match_words

INPUTS = ("input_ids", "attention_mask")
# Words no tokenizer saw, several bytes a character, punctuation inside, and one without pieces.
HARD = ["Xylophone", "ünïcödé", "well-known", "日本", "😀", "\u200b\u200d", "anna", "?"]


def config_of(**settings: Any) -> FinetuneConfig:
    return FinetuneConfig(model="m", train="t", validation="v", out="o", **settings)


def tagging_of(examples: list[TaggedExample], **settings: Any) -> Tagging:
    task = Tagging(config_of(**settings))
    task.learn(examples)
    return task


def test_each_word_is_labelled_at_its_first_piece(any_tokenizer) -> None:
    example = TaggedExample(HARD, ["O"] * 6 + ["B-PER", "O"], "here")
    [feature] = tagging_of([example]).encode([example], any_tokenizer, INPUTS, 64)
    text = " ".join(HARD)
    pieces = any_tokenizer(text, return_offsets_mapping=True)
    assert feature.inputs["input_ids"].tolist() == pieces["input_ids"]
    start = 0
    for word, token in enumerate(HARD):
        covering = [
            position
            for position, offset in enumerate(pieces["offset_mapping"])
            if (span := trimmed(text, offset)) and start <= span[0] < start + len(token)
        ]
        assert [p for p, w in enumerate(feature.places) if w == word] == covering[:1], token
        start += len(token) + 1
    labelled = [p for p, label in enumerate(feature.labels) if label != IGNORED]
    assert labelled == [p for p, word in enumerate(feature.places) if word != NO_WORD]
    name = feature.places.tolist().index(HARD.index("anna"))
    assert feature.labels[name] == 1


def test_pieces_are_those_of_running_text_not_of_lone_words() -> None:
    """Byte-level BPE writes a word after a space differently; split words would lose that."""
    tokenizer = byte_bpe()
    example = TaggedExample(["the", "cat"], ["O", "B-X"], "here")
    [feature] = tagging_of([example]).encode([example], tokenizer, INPUTS, 64)
    tokens = tokenizer.convert_ids_to_tokens(feature.inputs["input_ids"])
    assert tokens == ["<s>", *tokenizer.tokenize("the cat"), "</s>"]
    assert tokens[feature.places.tolist().index(0)].startswith("t")
    assert tokens[feature.places.tolist().index(1)].startswith("Ġ")


def test_words_without_pieces_are_predicted_outside() -> None:
    example = TaggedExample(["anna", "\u200b", "cat"], ["B-PER", "O", "O"], "here")
    empty = TaggedExample(["\u200b"], ["O"], "there")
    task = tagging_of([example])
    features = task.encode([example, empty], wordpiece(), INPUTS, 64)
    assert len(features) == 1  # nothing to learn from the second sentence
    assert task.counts["tokens_without_pieces"] == 2
    outputs = [np.full(len(feature), 1) for feature in features]
    rows = task.decode([example, empty], features, outputs)
    assert [row["predictions"] for row in rows] == [["B-PER", "O", "B-PER"], ["O"]]


@pytest.mark.parametrize("stride", [None, 0, 5])
def test_long_sentences_lose_no_word_and_repeat_none(any_tokenizer, stride) -> None:
    generator = random.Random(0)
    tokens = generator.choices([*NAMES, *OTHERS, *HARD[:5]], k=90)
    tags = ["B-PER" if token in NAMES else "O" for token in tokens]
    example = TaggedExample(tokens, tags, "here")
    task = tagging_of([example], stride=stride)
    features = task.encode([example], any_tokenizer, INPUTS, 20)
    assert len(features) > 5 and max(map(len, features)) <= 20
    words = [word for feature in features for word in feature.places if word != NO_WORD]
    assert sorted(words) == list(range(90))
    # Perfect logits give back the tags, so labels, places and decoding agree.
    outputs = [_one_hot(feature.labels) for feature in features]
    kept = [task.keep(logits, f) for logits, f in zip(outputs, features, strict=True)]
    assert task.decode([example], features, kept)[0]["predictions"] == tags


def _one_hot(labels: np.ndarray) -> Any:
    import torch

    return torch.nn.functional.one_hot(torch.tensor(labels).long().clamp(min=0), 3).float()


def test_words_by_hand_when_a_window_opens_inside_one() -> None:
    """A tokenizer with a first but no last special token: the word's own start has less room."""
    windows = [[(0, 0), (0, 2), (3, 5)], [(0, 0), (5, 7), (8, 9)]]
    assert match_words(["ab", "cdef", "g"], "ab cdef g", windows) == [[-1, 0, 1], [-1, -1, 2]]
    overlapping = [[(0, 0), (0, 2), (3, 5), (0, 0)], [(0, 0), (0, 2), (3, 5), (5, 7), (0, 0)]]
    # "cdef" has one piece to its right in the first window's margin, two in the second's.
    assert match_words(["ab", "cdef"], "ab cdef", overlapping) == [
        [-1, 0, -1, -1],
        [-1, -1, 1, -1, -1],
    ]


def test_a_stride_that_leaves_no_room_is_refused(any_tokenizer) -> None:
    example = TaggedExample(["cat", "Oslo"], ["O", "B-X"], "here")
    with pytest.raises(InputError, match="stride: 18 tokens"):
        tagging_of([example], stride=18).encode([example], any_tokenizer, INPUTS, 20)


def test_answers_are_found_again_from_their_tokens(any_tokenizer) -> None:
    context = "the ünïcödé cat, well-known in Oslo,  is   blue 😀 and 日本 red."
    wanted = ["the", "ünïcödé", "cat", "well-known", "Oslo", "is   blue", "😀", "日本", "red.", "."]
    examples = [
        QuestionExample(str(i), "what colour ?", context, [(context.index(text), text)], "here")
        for i, text in enumerate(wanted)
    ]
    features = Answering(config_of()).encode(examples, any_tokenizer, INPUTS, 96)
    assert len(features) == len(wanted)
    for feature, text in zip(features, wanted, strict=True):
        first, last = feature.labels
        found = context[feature.places[first][0] : feature.places[last][1]]
        # WordPiece knows no emoji: an unknown word is one token, whole.
        assert found == text, text
        pieces = [p for p in feature.places if p[0] >= 0]
        assert all(context[start:end].strip() == context[start:end] for start, end in pieces)
        assert feature.allowed.tolist() == [
            place[0] >= 0 or position == 0 for position, place in enumerate(feature.places)
        ]


def test_windows_hold_every_answer_and_teach_null_elsewhere(any_tokenizer) -> None:
    words = random.Random(1).choices(OTHERS, k=80)
    context = " ".join([*words[:50], "violet", *words[50:]])
    start = context.index("violet")
    example = QuestionExample("1", "what ?", context, [(start, "violet")], "here")
    task = Answering(config_of())
    task.learn([example])
    features = task.encode([example], any_tokenizer, INPUTS, 40)
    holding = [feature for feature in features if feature.labels.any()]
    assert len(features) > 2 and holding
    covered = {c for f in features for place in f.places if place[0] >= 0 for c in range(*place)}
    assert covered == {i for i, character in enumerate(context) if not character.isspace()}
    for feature in holding:
        first, last = feature.labels
        assert (feature.places[first][0], feature.places[last][1]) == (start, start + 6)


def test_long_questions_are_cut_and_counted(any_tokenizer) -> None:
    example = QuestionExample("1", "what " * 60, "a red cat", [(2, "red")], "here")
    task = Answering(config_of())
    features = task.encode([example], any_tokenizer, INPUTS, 32)
    assert task.counts["cut_questions"] == 1
    assert max(map(len, features)) <= 32
    assert any(feature.labels.any() for feature in features)


def test_questions_beyond_a_chunk_are_encoded_as_alone() -> None:
    """Chunks of 1,000 bound the tokenizer's memory; numbers and arrays must not show them."""
    generator = random.Random(2)
    contexts = [" ".join(generator.choices(OTHERS, k=generator.randint(5, 9))) for _ in range(1003)]
    examples = [
        QuestionExample(str(i), "what ?", text, [(0, text.split()[0])], "here")
        for i, text in enumerate(contexts)
    ]
    task = Answering(config_of())
    found = task.encode(examples, wordpiece(), INPUTS, 64)
    assert [feature.example for feature in found] == list(range(1003))
    for number in (0, 998, 999, 1000, 1002):
        [alone] = task.encode(examples[number : number + 1], wordpiece(), INPUTS, 64)
        for name in ("labels", "allowed", "places"):
            assert np.array_equal(getattr(found[number], name), getattr(alone, name))
        for name in INPUTS:
            assert np.array_equal(found[number].inputs[name], alone.inputs[name])


@pytest.mark.parametrize(("training", "limit"), [(True, 5_000), (False, 8_000)])
def test_a_feature_takes_few_bytes_a_token(training: bool, limit: int) -> None:
    """What is still held after encoding, per feature of 384 tokens; lists would take 80,000."""
    tokenizer = wordpiece()
    text = " ".join(random.Random(3).choices(OTHERS, k=2000))
    examples = [QuestionExample(str(i), "what ?", text, [(0, "x")], "here") for i in range(20)]
    names = (*INPUTS, "token_type_ids")
    task = Answering(config_of())
    task.encode(examples[:1], tokenizer, names, 384)  # whatever is made once only
    tracemalloc.start()
    try:
        features = task.encode(examples, tokenizer, names, 384, training)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(features) > 100 and len(features[0]) == 384
    assert (features[0].places is None) == training
    assert held / len(features) < limit


def test_spans_by_hand() -> None:
    assert trimmed("ab  cd", (2, 6)) == (4, 6)
    assert trimmed("ab  cd", (2, 4)) is None
    spans = np.array([(-1, -1), (0, 2), (3, 5), (6, 8), (-1, -1)], np.int32)
    assert answer_tokens(spans, (3, "xx")) == (2, 2)
    assert answer_tokens(spans, (4, "x yy")) == (2, 3)
    assert answer_tokens(spans, (6, "yy zz")) is None  # runs past the window
    logits = np.array([[9.0, 2, 5, 2, 9], [9.0, 7, 1, 3, 9]])
    found = best_spans(logits, spans, n_best=3, max_tokens=2)
    assert max(found, key=lambda span: span.score) == (
        Span(0, 2, 9.0)  # start 2 with end 1 would score 12, but runs backwards
    )
    assert {(span.start, span.end) for span in found} == {(0, 2), (0, 5), (3, 5), (3, 8), (6, 8)}


def test_silence_must_beat_the_best_answer() -> None:
    [row] = questions(1, seed=0)
    answer = (row["answers"]["answer_start"][0], row["answers"]["text"][0])
    example = QuestionExample("1", row["question"], row["context"], [answer], "here")
    silent = QuestionExample("2", row["question"], row["context"], [], "there")
    for threshold, expected in ((0.0, ""), (2.0, answer[1])):
        task = Answering(config_of(null_threshold=threshold))
        task.learn([example, silent])
        [feature] = task.encode([example], wordpiece(), INPUTS, 64)
        logits = np.zeros((2, len(feature)), np.float32)
        logits[0, feature.labels[0]] = logits[1, feature.labels[1]] = 5.0
        logits[:, 0] = 5.5
        [found] = task.decode([example], [feature], [logits])
        assert (found["prediction"], found["paragraph"]) == (expected, 0)
        assert {choice["text"] for choice in found["n_best"]} >= {"", answer[1]}
        # The null token scores 11, the answer 10.
        assert found["n_best"][0]["text"] == ""
        ratio = found["n_best"][0]["probability"] / found["n_best"][1]["probability"]
        assert ratio == pytest.approx(np.e, rel=1e-3)


def test_cut_texts_are_counted_and_pairs_share_the_room(any_tokenizer) -> None:
    examples = [
        TextExample("the cat", "a dog", "a", "1"),
        TextExample("the cat " * 30, "a dog", "b", "2"),
    ]
    task = Classification(config_of())
    task.learn(examples)
    features = task.encode(examples, any_tokenizer, INPUTS, 24)
    assert task.counts["cut_texts"] == 1
    assert len(features[0]) < 24 and len(features[1]) == 24
    assert any_tokenizer.decode(features[1].inputs["input_ids"]).count("dog") == 1


def test_labels_keep_their_shares_in_a_subset() -> None:
    assert shares([900, 90, 10], 100) == [90, 9, 1]
    assert shares([900, 90, 1], 10) == [8, 1, 1]
    assert shares([3, 3], 6) == [3, 3]
    examples = [TextExample(str(i), None, "rare" if i % 50 == 0 else "x", "") for i in range(200)]
    task = Classification(config_of())
    task.learn(examples)
    chosen = task.subset(examples, 50, seed=1)
    assert sum(example.label == "rare" for example in chosen) == 1
    assert len({example.text for example in chosen}) == 50
    assert chosen == task.subset(examples, 50, seed=1) != task.subset(examples, 50, seed=2)
    with pytest.raises(InputError, match="1 examples cannot show 2 labels"):
        task.subset(examples, 1, seed=0)
