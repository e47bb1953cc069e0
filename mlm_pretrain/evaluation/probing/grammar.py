"""A sample of minimal pairs: whether a model that is being trained begins to prefer what is grammatical."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mlm_pretrain.evaluation.minimal_pairs import Pair, preference
from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores
from mlm_pretrain.objectives.randomness import row_generator


def sample_pairs(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """`count` pairs of each paradigm, the same for a seed; all of them where there are fewer."""
    by_paradigm: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_paradigm[pair.paradigm].append(pair)
    found = []
    for number, name in enumerate(sorted(by_paradigm)):
        same = by_paradigm[name]
        chosen = row_generator(seed, number, 0).permutation(len(same))[:count]
        found += [same[place] for place in sorted(chosen)]
    return found


def grammar_score(model: Any, tokenizer: Any, pairs: Sequence[Pair], is_causal: bool) -> float:
    """Mean over paradigms of the share of pairs whose right sentence is likelier, in percent; ties count
    half (see `minimal_pairs`)."""
    sentences = [text for pair in pairs for text in (pair.good, pair.bad)]
    scores = sentence_scores(model, tokenizer, sentences, is_causal, shows_progress=False)
    likely = list(zip(scores[::2], scores[1::2], strict=True))
    return float(preference(pairs, likely)["accuracy"])
