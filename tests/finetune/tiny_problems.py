"""Tiny models and tokenizers made here, and small problems that they can learn."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

NAMES = ["anna", "boris", "clara", "dmitri"]
PLACES = ["oslo", "paris", "quito", "rome"]
COLOURS = ["red", "green", "blue", "violet"]
FILLERS = ["the", "a", "cat", "dog", "walks", "sleeps", "in", "near", "house", "tree"]
OTHERS = ["slowly", "and", "then", "sees", "what", "colour", "is", "it"]
GOOD, BAD = ["splendid", "lovely", "superb"], ["awful", "boring", "dreadful"]
POSITIONS = 64


def sentences(count: int = 300, seed: int = 0) -> list[str]:
    words = [
        *NAMES,
        *PLACES,
        *COLOURS,
        *FILLERS,
        *GOOD,
        *BAD,
        "ünïcödé",
        "naïve",
        "well-known",
        "?",
    ]
    generator = random.Random(seed)
    return [" ".join(generator.choices(words, k=9)) for _ in range(count)]


@cache
def wordpiece() -> Any:
    """Whole words, and letters for all others. Written down: training WordPiece on the same text
    twice can give two vocabularies, and these tests compare numbers."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*PLACES, *COLOURS, *FILLERS, *OTHERS, *GOOD, *BAD]
    letters = "abcdefghijklmnopqrstuvwxyz?-.,"
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters), *words]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return _wrapped(tokenizer, special, ["input_ids", "token_type_ids", "attention_mask"])


@cache
def byte_bpe() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(sentences(), trainer)
    return _wrapped(tokenizer, special, ["input_ids", "attention_mask"])


def _wrapped(tokenizer: Tokenizer, special: list[str], inputs: list[str]) -> Any:
    from transformers import PreTrainedTokenizerFast

    pad, unk, cls, sep, mask = special
    tokenizer.post_processor = TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (cls, sep)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token=unk, cls_token=cls, sep_token=sep,
        mask_token=mask, model_max_length=POSITIONS, model_input_names=inputs,
    )  # fmt: skip


TOKENIZERS = {"wordpiece": wordpiece, "byte_bpe": byte_bpe}


def tiny_config(kind: str, vocabulary: int, pad: int) -> Any:
    """Two layers of 32 without dropout; RoBERTa's positions start after its pad index."""
    from transformers import AutoConfig

    sizes: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 64, "pad_token_id": pad,
        "max_position_embeddings": POSITIONS + (pad + 1 if kind == "roberta" else 0),
    }  # fmt: skip
    if kind == "distilbert":
        return AutoConfig.for_model(
            kind, vocab_size=vocabulary, dim=32, n_layers=2, n_heads=2, hidden_dim=64,
            pad_token_id=pad, max_position_embeddings=POSITIONS, dropout=0.0,
            attention_dropout=0.0, seq_classif_dropout=0.0, qa_dropout=0.0,
        )  # fmt: skip
    if kind == "modernbert":
        ids = {"cls_token_id": 2, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3}
        return AutoConfig.for_model(kind, **sizes, **ids, local_attention=32)
    if kind == "roberta":
        sizes["type_vocab_size"] = 1
    if kind == "electra":
        sizes["embedding_size"] = 16
    return AutoConfig.for_model(
        kind, **sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )


def save_model(folder: Path, kind: str, tokenizer: Any, seed: int = 1) -> str:
    """A random masked-LM model and its tokenizer, as an export would leave them."""
    import transformers

    transformers.set_seed(seed)
    config = tiny_config(kind, len(tokenizer), tokenizer.pad_token_id)
    transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def opinions(count: int, seed: int) -> list[dict[str, Any]]:
    """The label is whether the opinion word is a good one."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        words = generator.choices(FILLERS, k=generator.randint(3, 12))
        words.insert(generator.randrange(len(words)), generator.choice((BAD, GOOD)[number % 2]))
        rows.append({"text": " ".join(words), "label": number % 2})
    return rows


def praise(count: int, seed: int) -> list[dict[str, Any]]:
    """The quantity is the number of good words less that of bad ones, in quarters."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        good, bad = generator.randint(0, 2), generator.randint(0, 2)
        words = generator.choices(FILLERS, k=generator.randint(3, 8))
        words += generator.choices(GOOD, k=good) + generator.choices(BAD, k=bad)
        generator.shuffle(words)
        rows.append({"text": " ".join(words), "label": 0.5 + (good - bad) / 4})
    return rows


def subjects(count: int, seed: int) -> list[dict[str, Any]]:
    """The labels are the colours that the text names, none to two."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        named = generator.sample(COLOURS, k=generator.randint(0, 2))
        words = [*generator.choices(FILLERS, k=generator.randint(3, 8)), *named]
        generator.shuffle(words)
        rows.append({"text": " ".join(words), "label": sorted(named)})
    return rows


def mentions(count: int, seed: int) -> list[dict[str, Any]]:
    """Names and places are entities, a name followed by a place being one person."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        tokens = generator.choices(FILLERS, k=generator.randint(3, 10))
        tags = ["O"] * len(tokens)
        spot = generator.randrange(len(tokens))
        name, place = generator.choice(NAMES), generator.choice(PLACES)
        tokens[spot:spot] = [name, place, "and", generator.choice(PLACES)]
        tags[spot:spot] = ["B-PER", "I-PER", "O", "B-LOC"]
        rows.append({"tokens": tokens, "ner_tags": tags})
    return rows


def questions(count: int, seed: int, silent: bool = False) -> list[dict[str, Any]]:
    """The answer is the context's colour; with `silent`, every third context has none."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        words = generator.choices(FILLERS, k=generator.randint(5, 12))
        answers: dict[str, list[Any]] = {"text": [], "answer_start": []}
        if not (silent and number % 3 == 0):
            spot = generator.randrange(len(words))
            colour = generator.choice(COLOURS)
            words.insert(spot, colour)
            answers = {"text": [colour], "answer_start": [len(" ".join([*words[:spot], ""]))]}
        rows.append({
            "id": f"{seed}-{number}", "title": "", "question": "what colour is it ?",
            "context": " ".join(words), "answers": answers,
        })  # fmt: skip
    return rows
