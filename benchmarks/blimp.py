"""Minimal pairs: how often a model finds the right one of two sentences likelier, paradigm by paradigm.

    python -m benchmarks.blimp MODEL [MODEL …] --data FILE_OR_FOLDER [--pairs 1000]
    python -m benchmarks.blimp MODEL --data FILE --one-by-one 100

MODEL is any folder with a masked-LM or a next-token head; one that has both is read with masks, from left
to right, and by the sum of both. Masked models are asked for each token with only that one masked (Salazar
et al. 2020). Errors are standard errors from the pairs drawn, not from seeds of training. `--one-by-one`
measures instead how many times as fast batches are as a call a sentence, on so many pairs.

Scores that were published are with the model's own reading, and of the whole set.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from benchmarks.record import spread, write_record
from mlm_pretrain.evaluation.heads import objective_of_head
from mlm_pretrain.evaluation.minimal_pairs import (
    CHANCE,
    Pair,
    pair_likelihoods,
    preference,
    read_pairs,
)

_TURNS = 5
# Of the whole set, in percent. GPT-BERT: Charpentier & Samuel 2024, "GPT or BERT: why not both?", trained
# on 10 and 100 million words of BabyLM. GPT-2 of the same two sizes of text: as that paper compares.
PUBLISHED = {
    "chance": CHANCE,
    "GPT-2, 10 M words": 67.29,
    "GPT-BERT, 10 M words": 71.66,
    "GPT-2, 100 M words": 75.07,
    "GPT-BERT, 100 M words": 79.29,
}


def main() -> None:
    """Score every model, print fields and totals beside what was published, write the record."""
    arguments = _parse()
    pairs = read_pairs(arguments.data, arguments.pairs)
    if arguments.one_by_one:
        found = {m: _speedup(Path(m), pairs, arguments.one_by_one) for m in arguments.models}
        print("\n".join(f"{m}: {x['times_as_fast']:.1f} times as fast" for m, x in found.items()))
    else:
        found = {model: blimp_scores(Path(model), pairs) for model in arguments.models}
        _print(found)
    settings = {"pairs_a_paradigm": arguments.pairs, "pairs": len(pairs)}
    if arguments.one_by_one:
        settings["pairs_one_by_one"] = arguments.one_by_one
    name = "blimp_speed" if arguments.one_by_one else "blimp"
    print("record:", write_record(name, settings, found, arguments.out))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="BLiMP's .jsonl, or a folder")
    parser.add_argument("--pairs", type=int, help="of each paradigm [all]")
    parser.add_argument("--one-by-one", type=int, metavar="N", help="measure speed on N pairs")
    parser.add_argument("--out", type=Path, help="where to write the record")
    return parser.parse_args()


def readings(model: Path) -> dict[str, Path]:
    """The folders of a model that predicts tokens, by how it is read."""
    if (model / "generator").is_dir():
        return {}  # it tells tokens apart, and predicts none
    settings = AutoConfig.from_pretrained(model, trust_remote_code=False)
    own = {"mlm": "masked", "clm": "causal"}[objective_of_head(model, settings)]
    folders = {own: model} if own == "causal" else {own: model, "causal": model / "causal"}
    return {way: folder for way, folder in folders.items() if folder.is_dir()}


def blimp_scores(model: Path, pairs: list[Pair]) -> dict[str, dict[str, Any]]:
    """`preference` by each way of reading; of several also by the sum of their log-likelihoods."""
    likely = {way: pair_likelihoods(folder, pairs) for way, folder in readings(model).items()}
    if len(likely) > 1:
        together = zip(*likely.values(), strict=True)
        likely["both"] = [(sum(g for g, _ in ways), sum(b for _, b in ways)) for ways in together]
    return {way: preference(pairs, scores) for way, scores in likely.items()}


def _speedup(model: Path, pairs: list[Pair], count: int) -> dict[str, Any]:
    """Seconds of the same pairs (spread over the paradigms) in batches, and one sentence at a time.

    In turns, since a machine is faster at one time than at another: before each fifth of the sentences that
    are scored alone, all of them are scored in batches.
    """
    from mlm_pretrain.evaluation.perplexity import load_for_evaluation
    from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores

    network, tokenizer, objective = load_for_evaluation(str(model))
    chosen = pairs[:: max(1, len(pairs) // count)][:count]
    texts = [text for pair in chosen for text in (pair.good, pair.bad)]
    sentence_scores(network, tokenizer, texts[:8], objective.is_causal)  # warm
    seconds: list[float] = []
    singly, alone = 0.0, [0.0] * len(texts)
    for turn in range(_TURNS):
        began = time.perf_counter()
        batched = sentence_scores(network, tokenizer, texts, objective.is_causal)
        seconds.append(time.perf_counter() - began)
        for place in range(turn, len(texts), _TURNS):
            alone[place] = _one_by_one(network, tokenizer, texts[place], objective.is_causal)
        singly += time.perf_counter() - began - seconds[-1]
    worst = max(abs(a - b) for a, b in zip(batched, alone, strict=True))
    return {
        "seconds_in_batches": spread(seconds), "seconds_one_by_one": singly,
        "times_as_fast": singly / statistics.median(seconds), "largest_difference_nats": worst,
    }  # fmt: skip


def _one_by_one(network: Any, tokenizer: Any, text: str, is_causal: bool) -> float:
    """The plain way: a call for every masked token, or for the sentence from left to right."""
    import torch

    from mlm_pretrain.evaluation.pseudo_likelihood import from_the_left

    encoded = tokenizer(text, return_special_tokens_mask=True)
    row, special = encoded["input_ids"], encoded["special_tokens_mask"]
    places = [place for place, flag in enumerate(special) if not flag]
    total = 0.0
    with torch.no_grad():
        if is_causal:
            row, places = from_the_left(tokenizer, row, special)
            log_p = network(input_ids=torch.tensor([row])).logits[0].log_softmax(-1)
            return sum(float(log_p[p - 1, row[p]]) for p in places)
        ids = torch.tensor([row])
        for place in places:
            masked = ids.clone()
            masked[0, place] = tokenizer.mask_token_id
            total += float(
                network(input_ids=masked).logits[0, place].log_softmax(-1)[ids[0, place]]
            )
    return total


def _print(found: dict[str, dict[str, dict[str, Any]]]) -> None:
    for model, of_model in found.items():
        for way, scores in of_model.items():
            fields = ", ".join(f"{name} {value:.1f}" for name, value in scores["fields"].items())
            print(
                f"{model} ({way}): {scores['accuracy']:.1f} ± {1.96 * scores['error']:.1f}; {fields}"
            )
    print("published: " + ", ".join(f"{name} {value:g}" for name, value in PUBLISHED.items()))


if __name__ == "__main__":
    main()
