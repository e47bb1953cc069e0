"""What an adaptation takes on this machine, from a few real steps of it: time, passes, memory, disk."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.corpus import ReadOptions
from mlm_pretrain.corpus.writing import write_texts
from mlm_pretrain.domain.config import ROW_LENGTH
from mlm_pretrain.domain.loss import objective_for
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.domain.sampling import draw
from mlm_pretrain.errors import InputError
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.tokenizer_opening import open_tokenizer
from mlm_pretrain.training.planning import plan
from mlm_pretrain.training.pretrain import PretrainConfig

# Enough for some ten steps of most models, and made ready in seconds.
_TRIAL_BYTES = 2_000_000
_TOKEN_BYTES = {False: 2, True: 4}  # of packed data, by whether an id needs more than 16 bits


def forecast(
    model: str | Path,
    corpus: Sequence[str],
    *,
    minutes: float | None = None,
    steps: int | None = None,
    tokens: int | None = None,
    max_length: int | None = None,
    settings: Mapping[str, Any] | None = None,
    read: ReadOptions | None = None,
) -> dict[str, Any]:
    """How long training `model` on `corpus` takes, or how far it comes; one pass where nothing is given.

    A sample of the corpus is prepared in a temporary folder and some ten steps are trained on it, which are
    then forgotten. Figures of time hold for this machine and for what else it does meanwhile.

    Args:
        minutes, steps, tokens: the budget, one of them.
        max_length: tokens of a row; 128 by default, or what the model takes where that is less.
        settings: of `PretrainConfig`, such as batch_size; the objective is that of `objective_for`.

    Returns:
        `corpus_tokens`, `tokens_per_second`, `tokens_a_step`, `seconds_a_step`; of the budget `steps`,
        `tokens`, `minutes` and `epochs`; `minutes_an_epoch`, `memory_gb`, `data_gb` (the packed corpus) and
        `run_gb` (checkpoints and model).

    Raises:
        InputError: for several budgets, and for a model or corpus that training refuses.
    """
    check_budget(minutes=minutes, steps=steps, tokens=tokens)
    sample = draw(CorpusReading(list(corpus), read or ReadOptions()), _TRIAL_BYTES, seed=0)
    # A short run takes smaller steps.
    length = {"minutes": minutes} if minutes is not None else {"steps": steps or 1000}
    values = {"objective": objective_for(model, settings), **length, **dict(settings or {})}
    packed, planned = _tried(sample.texts, model, max_length, values)
    share = sample.bytes / max(1, packed["train"]["text_bytes"])
    all_tokens = share * packed["train"]["tokens"]
    rate = planned["tokens_a_step"] / planned["seconds_a_step"]
    budget = _budget(planned, rate, all_tokens, minutes, steps, tokens)
    return {
        "corpus_tokens": round(all_tokens),
        "tokens_per_second": round(rate),
        "tokens_a_step": planned["tokens_a_step"],
        "seconds_a_step": planned["seconds_a_step"],
        **budget,
        "minutes_an_epoch": round(all_tokens / rate / 60, 2),
        "parameters": planned["parameters"],
        "memory_gb": planned["memory_gb"],
        "data_gb": round(all_tokens * _TOKEN_BYTES[packed["vocab_size"] > 1 << 16] / 1e9, 3),
        "run_gb": planned["disk_gb"],
    }


def check_budget(**given: float | None) -> bool:
    """Whether a budget is given.

    Raises:
        InputError: for several of them, and for one that is nothing.
    """
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)}: one budget is enough", "give one of them")
    if any(value is not None and value <= 0 for value in given.values()):
        raise InputError(f"{named[0]}: must be more than 0", "for example --minutes 60")
    return bool(named)


def _tried(
    texts: Sequence[str], model: str | Path, max_length: int | None, values: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `prepare` counts of the sample, and what `plan` finds of a run on it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        packed = _packed(texts, model, folder, max_length)
        config = PretrainConfig(
            data=str(folder / "data"), out=str(folder / "run"), init=str(model), **values
        )
        return packed, plan(config)


def _packed(
    texts: Sequence[str], model: str | Path, folder: Path, max_length: int | None
) -> dict[str, Any]:
    """The sample as rows of tokens in `folder`/data, and what was counted."""
    path = folder / "sample.jsonl"
    write_texts(path, texts)
    length = max_length or row_length(model)
    config = PrepareConfig(max_length=length, validation_share=0.0, processes=1)
    return prepare([str(path)], model, folder / "data", config)


def row_length(model: str | Path) -> int:
    """Tokens of a row where nobody says: 128, or what the model takes where that is less.

    Raises:
        InputError: when its tokenizer cannot be opened.
    """
    tokenizer = open_tokenizer(model, role=f"--model {model}")
    return min(ROW_LENGTH, int(tokenizer.model_max_length))


def _budget(
    planned: Mapping[str, Any],
    rate: float,
    all_tokens: float,
    minutes: float | None,
    steps: int | None,
    tokens: int | None,
) -> dict[str, Any]:
    """The budget in all its units; a pass over the corpus where none is given."""
    if minutes is not None:
        seen = 60 * minutes * rate
    elif steps is not None:
        seen = float(steps * planned["tokens_a_step"])
    else:
        seen = float(tokens) if tokens is not None else all_tokens
    return {
        "steps": round(seen / planned["tokens_a_step"]),
        "tokens": round(seen),
        "minutes": round(seen / rate / 60, 2),
        "epochs": round(seen / all_tokens, 2) if all_tokens else 0.0,
    }
