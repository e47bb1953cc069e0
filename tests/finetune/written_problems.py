"""Tiny encoder–decoders and small texts to write, which they can learn in seconds."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path
from typing import Any

from tiny_problems import BAD, COLOURS, FILLERS, GOOD, OTHERS, PLACES, POSITIONS, wordpiece

# Colour, thing, verb and place, of which each word has one translation.
_SLOTS = [COLOURS, ["cat", "dog", "house", "tree"], ["walks", "sleeps"], PLACES]
_OWN = [word for slot in _SLOTS for word in slot]
LEXICON = dict(zip(_OWN, [*OTHERS, *GOOD, *BAD], strict=True))


def save_writer(folder: Path, kind: str, seed: int = 1, **settings: Any) -> str:
    """A random t5, bart or marian of two layers of 64, as an export would leave it."""
    import transformers

    transformers.set_seed(seed)
    tokenizer = wordpiece()
    config = writer_config(kind, tokenizer, **settings)
    model = transformers.AutoModelForSeq2SeqLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def writer_config(kind: str, tokenizer: Any, **settings: Any) -> Any:
    from transformers import AutoConfig

    pad, end = tokenizer.pad_token_id, tokenizer.sep_token_id
    shared: dict[str, Any] = {
        "vocab_size": len(tokenizer), "d_model": 64, "pad_token_id": pad, "eos_token_id": end,
        "bos_token_id": tokenizer.cls_token_id,
    }  # fmt: skip
    if kind == "t5":
        own: dict[str, Any] = {
            "d_kv": 32, "d_ff": 128, "num_layers": 2, "num_heads": 2, "dropout_rate": 0.0,
            "decoder_start_token_id": pad,
        }  # fmt: skip
    else:
        sizes = {"layers": 2, "attention_heads": 2, "ffn_dim": 128}
        own = {
            **{f"{stack}_{n}": size for stack in ("encoder", "decoder") for n, size in sizes.items()},
            "max_position_embeddings": POSITIONS, "dropout": 0.0, "activation_dropout": 0.0,
            "decoder_start_token_id": end, "forced_eos_token_id": None, "init_std": 0.1,
        }  # fmt: skip
    return AutoConfig.for_model(kind, **{**shared, **own, **settings})


def translations(count: int, seed: int) -> list[dict[str, Any]]:
    """`the red cat walks in oslo`, which the other language says from its end, without articles.

    A sentence of seed 0 (training), 1 (validation) or 2 (test) stands in none of the others.
    """
    sentences = list(product(*_SLOTS))
    random.Random(0).shuffle(sentences)
    own = (sentences[:96], sentences[96:112], sentences[112:])[seed]
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        colour, thing, verb, place = words = generator.choice(own)
        article, preposition = generator.choice(["the", "a"]), generator.choice(["in", "near"])
        source = f"{article} {colour} {thing} {verb} {preposition} {place}"
        rows.append({"source": source, "target": " ".join(LEXICON[w] for w in reversed(words))})
    return rows


def documents(count: int, seed: int) -> list[dict[str, Any]]:
    """The summary names the places of a text that is mostly about something else."""
    generator = random.Random(seed)
    rows = []
    for _ in range(count):
        places = generator.sample(PLACES, 2)
        words = generator.choices(FILLERS, k=generator.randint(8, 16))
        for place in reversed(places):
            words.insert(generator.randrange(3), place)
        found = [word for word in words if word in PLACES]
        rows.append({"text": " ".join(words), "summary": " and ".join(found)})
    return rows
