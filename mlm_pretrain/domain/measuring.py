"""`measure`: how far a text is from what a model knows, and whether to adapt the model to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlm_pretrain.compare import LabelledTask
from mlm_pretrain.domain.advice import advise
from mlm_pretrain.domain.config import MeasureConfig
from mlm_pretrain.domain.divergence import compare_words
from mlm_pretrain.domain.fit import tokenizer_fit, unigram_nats
from mlm_pretrain.domain.loss import losses, why_no_loss
from mlm_pretrain.domain.overlap import find_overlap, held_out_texts
from mlm_pretrain.domain.reading import CorpusReading
from mlm_pretrain.domain.sampling import Sample, draw
from mlm_pretrain.evaluation.opening import open_model
from mlm_pretrain.manifest import versions
from mlm_pretrain.redaction import redacted_values

_OTHER_SEED = 1  # so that halves of one corpus, given as both texts, are drawn apart


def measure(
    model: str | Path,
    corpus: Sequence[str],
    *,
    general: Sequence[str] | None = None,
    tasks: Sequence[LabelledTask] = (),
    config: MeasureConfig | None = None,
) -> dict[str, Any]:
    """Measure a domain text beside a model, and beside general text where it is given.

    Nothing is written and nothing is trained. The same inputs and settings give the same figures.

    Args:
        model: a folder or Hub name with tokenizer and weights.
        corpus: the domain's text, as `read_corpus` takes it.
        general: text like that the model learned from, such as Wikipedia for most encoders.
        tasks: whose validation and test texts are looked for in the corpus.

    Returns:
        `domain` and `general` (sizes, copies), `fit` of the tokenizer to both (`fit.tokenizer_fit`, and
        `fit.unigram_nats` over equally many tokens of each), `words` (`divergence.compare_words`), `loss`
        (`loss.losses`, or why there is none), `overlap` by task (`overlap.Overlap`), and `advice`
        (`advice.advise`).

    Raises:
        InputError: for a model, text or task that cannot be used.
    """
    config = config or MeasureConfig()
    tokenizer, settings = open_model(model)
    read = CorpusReading([str(spec) for spec in corpus], config.read)
    held_out = {task.name: held_out_texts(task) for task in tasks}
    samples = {"domain": _drawn(read, config, config.seed)}
    if general:
        other = CorpusReading([str(spec) for spec in general], config.read_general)
        samples["general"] = _drawn(other, config, config.seed + _OTHER_SEED)
    texts = {name: sample.texts for name, sample in samples.items()}
    fits = _fits(tokenizer, texts, config)
    found: dict[str, Any] = {
        "model": str(model),
        **{name: _described(sample, fits[name]) for name, sample in samples.items()},
        "fit": fits,
        "words": _words(texts, config),
        "loss": _loss(model, settings, texts, fits, config),
        "overlap": {name: find_overlap(read, of).as_dict() for name, of in held_out.items()},
    }
    found["advice"] = advise(found)
    found["settings"] = {**config.model_dump(mode="json"), "corpus": read.specs, "general": general}
    return redacted_values({**found, "versions": versions()})


def _drawn(read: CorpusReading, config: MeasureConfig, seed: int) -> Sample:
    return draw(read, config.sample_bytes, seed, config.copies_checked)


def _fits(
    tokenizer: Any, texts: Mapping[str, Sequence[str]], config: MeasureConfig
) -> dict[str, dict[str, Any]]:
    found = {name: tokenizer_fit(tokenizer, of, config.top_words) for name, of in texts.items()}
    tokens = min(fit["tokens"] for fit in found.values())
    for name, fit in found.items():
        fit["unigram_nats"] = unigram_nats(tokenizer, texts[name], tokens)
        fit["unigram_tokens"] = tokens
    return found


def _words(texts: Mapping[str, Sequence[str]], config: MeasureConfig) -> dict[str, Any] | None:
    if "general" not in texts:
        return None
    return compare_words(texts["domain"], texts["general"], config.top_words)


def _described(sample: Sample, fit: dict[str, Any]) -> dict[str, Any]:
    """Sizes of a corpus; its tokens as the sample has them a byte."""
    copies = {"checked": sample.copies_checked, **{k: sample.copies[k] for k in ("exact", "near")}}
    return {
        "documents": sample.documents,
        "bytes": sample.bytes,
        "tokens": round(sample.bytes / fit["bytes_per_token"]) if fit["tokens"] else 0,
        "sampled_documents": len(sample.texts),
        "sampled_bytes": sample.sampled_bytes,
        "copies": copies if sample.copies_checked else None,
    }


def _loss(
    model: str | Path,
    settings: Any,
    texts: Mapping[str, Sequence[str]],
    fits: Mapping[str, dict[str, Any]],
    config: MeasureConfig,
) -> dict[str, Any]:
    """The model's losses, and what part of its tokens' entropy the model knows; or why there are none."""
    reason = "left out" if not config.loss_rows else why_no_loss(model, settings)
    if reason:
        return {"why_none": reason, "lacks_head": bool(config.loss_rows)}
    found = losses(model, texts, config)
    for name in texts:
        nats = fits[name]["unigram_nats"]
        # Tokens that are all alike leave nothing open that a model could know.
        found[name]["known"] = 1 - found[name]["loss_nats"] / nats if nats else None
    if found.get("difference_within") is not None and fits["domain"]["unigram_nats"]:
        found["known_within"] = found["difference_within"] / fits["domain"]["unigram_nats"]
    return found
