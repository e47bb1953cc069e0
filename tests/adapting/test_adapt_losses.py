"""What was won and lost is said only where both losses mean something."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.adapting.losses import changes_of

NOW: dict[str, Any] = {"loss_nats": 3.0, "bits_per_byte": 1.5}
KNOWN = {"loss_nats": 4.0, "bits_per_byte": 2.0}
GUARDED: dict[str, Any] = {
    "general_before": 10.8, "general_after": 5.5, "domain_before": 10.9, "domain_after": 4.5,
    "measures": [{"step": 0, "general": 10.8}, {"step": 5, "general": 5.0}, {"step": 9, "general": 5.5}],
}  # fmt: skip


def told(
    base: dict[str, Any] | None, forgetting: dict[str, Any], now: dict[str, Any] = NOW
) -> dict[str, Any]:
    losses = {"base": {"domain": base, "general": base}, "dapt": {"domain": now, "general": now}}
    run = {"forgetting": forgetting} if forgetting else {}
    return {name: tuple(one) for name, one in changes_of(losses, "dapt", run, "base").items()}


def test_of_one_vocabulary() -> None:
    both = (2.0, 1.5, "bits a byte")
    assert told(KNOWN, GUARDED) == told(KNOWN, {}) == {"domain": both, "general": both}


def test_of_two_vocabularies_words_that_both_hide_whole() -> None:
    """As they are found of held-out text, or else as the run found them; plain bits a byte say nothing."""
    across = {"general": {"checkpoint": 2.2, "before": 2.4, "after": 2.3}}
    of_the_run = {"general": (2.2, 2.3, "bits a byte of whole words")}
    unknown = {**NOW, "words": None}
    assert told(KNOWN, {**GUARDED, "bits_per_byte": across}, unknown) == of_the_run
    assert told(KNOWN, {}, unknown) == {}
    both = (2.1, 1.9, "bits a byte of whole words")
    known = {**NOW, "words": {"before": 2.1, "after": 1.9}}
    for forgetting in ({}, {**GUARDED, "bits_per_byte": across}):
        assert told(KNOWN, forgetting, known) == {"domain": both, "general": both}


def test_a_head_that_had_learned_nothing_is_no_beginning() -> None:
    assert told(None, GUARDED) == {"general": (5.0, 5.5, "nats a token")}
    assert told(None, {}) == {}
