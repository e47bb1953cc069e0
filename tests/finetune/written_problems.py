"""Tiny encoder–decoders and small texts to write, which they can learn in seconds."""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny_problems import BAD, COLOURS, FILLERS, GOOD, OTHERS, PLACES, POSITIONS, wordpiece

from mlm_pretrain.finetune import FinetuneConfig

# Colour, thing, verb and place, of which each word has one translation.
_SLOTS = [COLOURS, ["cat", "dog", "house", "tree"], ["walks", "sleeps"], PLACES]
_OWN = [word for slot in _SLOTS for word in slot]
LEXICON = dict(zip(_OWN, [*OTHERS, *GOOD, *BAD], strict=True))


def save_writer(folder: Path, kind: str, seed: int = 1, **settings: Any) -> str:
    """A random t5, bart or marian of two layers of 64, as an export would leave it."""
    transformers.set_seed(seed)
    tokenizer = wordpiece()
    config = writer_config(kind, tokenizer, **settings)
    model = transformers.AutoModelForSeq2SeqLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def writer_config(kind: str, tokenizer: Any, **settings: Any) -> Any:
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
    return transformers.AutoConfig.for_model(kind, **{**shared, **own, **settings})


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


FAST: dict[str, Any] = {"learning_rate": 3e-3, "batch_size": 16, "max_new_tokens": 12}


def config_in(folder: Path, model: str, train: int = 800, **settings: Any) -> FinetuneConfig:
    """Files of the toy language in `folder`; the last seed holds no sentence of the others."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for seed, (split, count) in enumerate({"train": train, "validation": 20, "test": 40}.items()):
        paths[split] = str(folder / f"{split}.jsonl")
        lines = [json.dumps(row) + "\n" for row in translations(count, seed)]
        Path(paths[split]).write_text("".join(lines))
    given = {"model": model, "out": str(folder / "out"), **paths, **FAST, **settings}
    return FinetuneConfig(**given)


def predictions_in(folder: str | Path) -> list[dict[str, Any]]:
    lines = (Path(folder) / "predictions_test.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def opened(folder: str | Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def encoded(tokenizer: Any, texts: list[str]) -> dict[str, torch.Tensor]:
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def alone(model: Any, tokenizer: Any, text: str, **settings: Any) -> str:
    """What a user of the folder gets for one text."""
    ids = model.generate(**encoded(tokenizer, [text]), **settings)[0]
    return str(tokenizer.decode(ids, skip_special_tokens=True))
