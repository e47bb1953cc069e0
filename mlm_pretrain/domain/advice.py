"""What the measures advise: adapt, adapt with new vocabulary, or leave it; each with its reasons.

Every threshold lies in a gap between pairs of texts that were measured (the table in this folder's README),
but that of new words, which lies above them all.
They say where a text stands among those, not that adaptation will pay: whether it did, `compare` shows.
"""

from __future__ import annotations

from typing import Any

from mlm_pretrain.domain.fit import NEW_WORDS

ADAPT, NEW_VOCABULARY, LEAVE = "adapt", "adapt with new vocabulary", "don't"

# The smallest text with a published gain is the training set of ACL-ARC, 88 thousand tokens (Gururangan et
# al. 2020, adaptation to the task in a hundred passes); in less than half of it there is little to learn.
FEWEST_TOKENS = 40_000
# Below it any budget of minutes means many passes, in which a model begins to know its text by heart.
LITTLE_TOKENS = 1_000_000
# Part of the tokens' entropy that a model knows of general text, less what it knows of this one. A model of
# Wikipedia: up to 0.02 on other text from there, 0.08 on news, 0.10 and more on every other domain.
NOTICED_GAP = 0.05
# Divergence of words in bits, less that of two halves; judged where there is no loss. From Wikipedia: 0.01
# to 0.12 to other text from there, 0.18 to news, 0.21 and more to every other domain.
NOTICED_BITS = 0.15
# Part of the tokens that a thousand new words save. Of a general vocabulary of 30,000 entries: film reviews
# 0.009, citations 0.023, contracts 0.049, biomedicine 0.088, where it did not pay: given 2,000 words and
# fine-tuned on 500 sentences of BC5CDR, all-MiniLM fell from 72.1 to 69.5 F1 (one seed), and training on 1.4
# million tokens did not bring that back. What few labels teach of a piece, such as the end of a chemical's
# name, they do not teach of a whole word.
SAVED_SHARE = 0.15
# A word is frequent to a model from a hundred occurrences on (Schick & Schütze 2020, "Rare words").
TIMES_A_WORD = 100
UNKNOWN_RATE = 0.01
COPIES_SHARE = 0.02
# Fine-tuned on 500 sentences of BC5CDR, F1 over 6 seeds: before 71.3; after finding replaced tokens among 4.8
# million of the domain (at 1e-4) 71.7, +0.4 (95 %: -0.7 to 1.5). Filling gaps learnt anew, where two seeds
# of before had 72.1 and 70.3, one seed each: after 0.3 million tokens of the domain at 6.7e-5 71.1, after 0.6
# million at 1e-4 70.7, after 1.7 million of Wikipedia at 3e-4 68.7.
_OF_NO_HEAD = (
    "A checkpoint without such a head has left filling gaps behind, and learning it anew made all-MiniLM "
    "find entities worse. It is trained to find replaced tokens instead, by which 4.8 million "
    "tokens gave +0.4 F1 (-0.7 to 1.5), which is no more than chance may give: plan for far more text and "
    "time, or take a checkpoint that has its head."
)


def advise(found: dict[str, Any]) -> dict[str, Any]:
    """A verdict on what `measure` found.

    Returns:
        `verdict` ("adapt", "adapt with new vocabulary" or "don't"), `reasons` and `warnings` as sentences,
        and the `thresholds` they were taken by.
    """
    is_far, why = _distance(found)
    wants_words, why_words = _vocabulary(found)
    tokens = found["domain"]["tokens"]
    reasons = [why, why_words]
    if tokens < FEWEST_TOKENS:
        reasons.insert(0, f"{tokens:,} tokens are too few to learn from (below {FEWEST_TOKENS:,}).")
    leave = tokens < FEWEST_TOKENS or not is_far
    verdict = LEAVE if leave else NEW_VOCABULARY if wants_words else ADAPT
    return {
        "verdict": verdict,
        "reasons": reasons,
        "warnings": _warnings(found),
        "thresholds": {
            "fewest_tokens": FEWEST_TOKENS, "little_tokens": LITTLE_TOKENS,
            "noticed_gap": NOTICED_GAP, "noticed_bits": NOTICED_BITS, "saved_share": SAVED_SHARE,
            "times_a_word": TIMES_A_WORD, "unknown_rate": UNKNOWN_RATE, "copies_share": COPIES_SHARE,
        },
    }  # fmt: skip


def _distance(found: dict[str, Any]) -> tuple[bool, str]:
    """Whether the text is far from what the model knows, by its loss where it has one, else by words."""
    if found["words"] is None:
        return True, (
            "How far this text is from what the model learned from is not known: give general text to "
            "compare it with."
        )
    loss = found["loss"]
    names = ("domain", "general") if "why_none" not in loss else ()
    known = {name: loss[name]["known"] for name in names}
    if known and None not in known.values():
        gap = known["general"] - known["domain"]
        within = f" (± {loss['known_within']:.0%})" if loss.get("known_within") is not None else ""
        return gap >= NOTICED_GAP, (
            f"The model knows {known['domain']:.0%} of what the tokens' frequencies leave open here, and "
            f"{known['general']:.0%} in general text{within}: {_standing(gap >= NOTICED_GAP)} "
            f"(threshold: {NOTICED_GAP:.0%} less)."
        )
    words = found["words"]["unigrams"]
    above = words["bits"] - words["noise"]
    return above >= NOTICED_BITS, (
        f"Its words differ from general text by {words['bits']:.2f} bits, those of its own halves by "
        f"{words['noise']:.2f}: {_standing(above >= NOTICED_BITS)} (threshold: {NOTICED_BITS} above the "
        "halves)."
    )


def _standing(is_far: bool) -> str:
    return "there is something to learn" if is_far else "no farther from it than more general text"


def _vocabulary(found: dict[str, Any]) -> tuple[bool, str]:
    """Whether new entries of the vocabulary would be worth their vectors, and have text to learn them."""
    fit, tokens = found["fit"]["domain"], found["domain"]["tokens"]
    if fit["unknown_rate"] >= UNKNOWN_RATE:
        return True, (
            f"{fit['unknown_rate']:.1%} of the tokens are unknown to the tokenizer (threshold: "
            f"{UNKNOWN_RATE:.0%}), so that the model cannot read them."
        )
    saved = fit["saved_by_new_words"]
    words = f"{NEW_WORDS:,} words as new entries would save {saved:.1%} of the tokens"
    if saved < SAVED_SHARE:
        return False, f"{words}: the vocabulary suits the text (threshold: {SAVED_SHARE:.0%})."
    times = tokens * saved / NEW_WORDS
    if times < TIMES_A_WORD:
        return False, (
            f"{words}, but each stands in the corpus {times:,.0f} times at most on average, too rarely "
            f"to learn it (threshold: {TIMES_A_WORD})."
        )
    return True, f"{words} (threshold: {SAVED_SHARE:.0%}), and there is text to learn them from."


def _warnings(found: dict[str, Any]) -> list[str]:
    """What the reader has to do or to know before an adaptation."""
    said = []
    tokens, copies = found["domain"]["tokens"], found["domain"]["copies"]
    if FEWEST_TOKENS <= tokens < LITTLE_TOKENS:
        said.append(
            f"{tokens:,} tokens are little (below {LITTLE_TOKENS:,}): a model learns them by heart, so "
            "watch its loss on held-out text, and adapt it to the task's own text too."
        )
    if "why_none" in found["loss"]:
        said.append(
            f"No loss was measured ({found['loss']['why_none']}), so that whether the model knows this "
            "text already is not known."
        )
        if found["loss"].get("lacks_head"):
            said.append(_OF_NO_HEAD)
    elif _is_untrained(found["loss"].get("general", {}).get("known")):
        said.append(
            "The model predicts general text no better than its tokens' frequencies would: it is hardly "
            "trained, and what its losses say of the domain is little."
        )
    if copies and copies["exact"] + copies["near"] >= COPIES_SHARE * copies["checked"]:
        said.append(
            f"Of {copies['checked']:,} documents {copies['exact']:,} are copies and {copies['near']:,} "
            "nearly so: leave them out."
        )
    return said


def _is_untrained(known: float | None) -> bool:
    """By what a model knows of general text, where that can be told."""
    return known is not None and known <= 0
