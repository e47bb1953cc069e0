"""The answer in plain sentences: worth it, not shown, harmful; by how much; whether it is the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlm_pretrain.compare.comparison import BETTER, NOT_SHOWN, WORSE
from mlm_pretrain.worth.choosing import Choice
from mlm_pretrain.worth.families import DOMAIN, GAIN, MIXED, Comparison, among, gain_verdict
from mlm_pretrain.worth.variants import ADAPTED, BASE, CONTROL, Variant, of_role, unlike_unit
from mlm_pretrain.worth.wording import duration, interval, metric_name, signed

WORTH_IT, HARMFUL, DEPENDS = "worth it", "harmful", "depends on the task"
_DOMAIN_ANSWERS = {
    BETTER: "it is the domain",
    WORSE: "other text did more, so it is not the domain",
    NOT_SHOWN: "that it is the domain, and not any further training, is not shown",
}


@dataclass(frozen=True)
class Findings:
    """All that the sentences are made of.

    Attributes:
        metrics: by task, as `finetune` calls them.
        seeds: runs of each variant on each task.
        examples: of the scored split, by task.
        drawn: of what they were drawn as, which of questions is paragraphs.
    """

    variants: Sequence[Variant]
    comparisons: Sequence[Comparison]
    choice: Choice
    metrics: dict[str, str]
    seeds: int
    examples: dict[str, int]
    drawn: dict[str, int]

    def variant(self, name: str) -> Variant:
        """The variant of that name."""
        return next(variant for variant in self.variants if variant.name == name)

    def verdict(self, name: str) -> str:
        """Of a variant against the base, over all tasks."""
        return gain_verdict(self.comparisons, name)


def overall(found: Findings) -> str:
    """One of "worth it", "not shown", "harmful", "depends on the task"."""
    if found.choice.keep != _base(found):
        return WORTH_IT
    verdicts = {found.verdict(variant.name) for variant in _adapted(found)}
    return DEPENDS if MIXED in verdicts else HARMFUL if WORSE in verdicts else NOT_SHOWN


def sentences(found: Findings) -> list[str]:
    """The answer: what was gained, at what cost, and whether the domain did it."""
    answer = overall(found)
    told = _told(found, answer)
    lines = [
        f"{answer.capitalize()}: " + "; ".join(gain_clause(found, name) for name in told) + "."
    ]
    if answer == NOT_SHOWN:
        lines += [_chance(found)]
    elif answer != WORTH_IT:
        lines += _undecided(found)
    shown = among(found.comparisons, family=GAIN, verdict=BETTER)
    asked = [one for one in shown if one.variant in told]
    lines += [sentence for one in asked for sentence in _domain_sentences(found, one)]
    if asked and not of_role(found.variants, CONTROL):
        lines += [
            "There was no control trained as much on other text, so whether it is the domain, or any "
            "further training would have done it, is open."
        ]
    return lines


def gain_clause(found: Findings, name: str) -> str:
    """`DAPT gives +1.8 F1 on ner (0.6 to 3.0) for 54 minutes of training`."""
    gains = among(found.comparisons, family=GAIN, variant=name)
    is_worth_saying = found.verdict(name) != NOT_SHOWN  # else the sentence before has said it
    parts = [_gain(found, one, is_worth_saying) for one in gains]
    cost = _cost(found.variant(name))
    if len(parts) > 1:
        return f"{f'for {cost} ' if cost else ''}{name} gives {', '.join(parts)}"
    return f"{name} gives {parts[0]}{f' for {cost}' if cost else ''}"


def keep_sentence(found: Findings) -> str:
    """Which variant to keep, and why."""
    choice, base = found.choice, _base(found)
    if choice.keep == base:
        return f"Keep the base, {base}: no gain of an adapted model is shown."
    before = [n for n in choice.order[: choice.order.index(choice.keep)] if n != base]
    passed = f" Before it came {' and '.join(before)}, with no gain shown." if before else ""
    return (
        f"Keep {choice.keep}: of those whose gain is shown it is the first on the validation files "
        f"({signed(choice.gains[choice.keep])} there).{passed}"
    )


def settling(comparison: Comparison) -> str:
    """What would settle a difference that is not shown; "" where it is."""
    if comparison.verdict != NOT_SHOWN:
        return ""
    if (seeds := comparison.seeds_needed) is not None:
        return f"{seeds} seeds"
    if (examples := comparison.examples_needed) is None:
        return "no difference to settle"
    return f"about {_rounded(examples):,} examples"


def _rounded(count: int) -> int:
    """To two digits: more of them would be made up."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return round(count / unit) * unit


def _told(found: Findings, answer: str) -> list[str]:
    """Who the first sentence is about."""
    if answer == WORTH_IT:
        return [found.choice.keep]
    wanted = {HARMFUL: WORSE, DEPENDS: MIXED}.get(answer)
    named = [v.name for v in _adapted(found) if wanted and found.verdict(v.name) == wanted]
    return named or [next(name for name in found.choice.order if name != _base(found))]


def _gain(found: Findings, one: Comparison, says_verdict: bool) -> str:
    metric = metric_name(found.metrics[one.task])
    said = f"{signed(one.effect.difference)} {metric} on {one.task} ({_interval(one)})"
    return f"{said}, not shown" if says_verdict and one.verdict == NOT_SHOWN else said


def _cost(variant: Variant) -> str:
    if variant.seconds is not None:
        return f"{duration(variant.seconds)} of training"
    tokens = variant.cost.get("tokens")
    return "" if tokens is None else f"{tokens:,.0f} tokens of training"


def _chance(found: Findings) -> str:
    fewest = min(found.drawn, key=lambda task: found.drawn[task])
    examples, drawn = found.examples[fewest], found.drawn[fewest]
    what = f"{examples:,} examples"
    if drawn < examples:
        what = f"{examples:,} questions on {drawn:,} paragraphs"
    return (
        f"With {found.seeds} seeds and {what} that cannot be told from chance; the brackets say "
        "how much it may be either way."
    )


def _undecided(found: Findings) -> list[str]:
    names = [v.name for v in _adapted(found) if found.verdict(v.name) == NOT_SHOWN]
    return [f"Of {' and '.join(names)} neither gain nor loss is shown."] if names else []


def _domain_sentences(found: Findings, gain: Comparison) -> list[str]:
    lines = []
    for one in among(found.comparisons, family=DOMAIN, variant=gain.variant, task=gain.task):
        control = among(found.comparisons, family=GAIN, variant=one.against, task=one.task)[0]
        lines.append(
            f"On {one.task} the control {one.against} gives {signed(control.effect.difference)} "
            f"({_interval(control)}) over the base, and {one.variant} is "
            f"{signed(one.effect.difference)} ({_interval(one)}) beside it: {_domain_answer(found, one)}."
        )
    return lines


def _domain_answer(found: Findings, one: Comparison) -> str:
    is_alike = unlike_unit(found.variant(one.variant), found.variant(one.against)) is None
    if one.verdict == BETTER and not is_alike:
        return "the two were not trained as much, so it may be the domain or the training"
    return _DOMAIN_ANSWERS[one.verdict]


def _interval(one: Comparison) -> str:
    return interval(one.effect.low, one.effect.high)


def _base(found: Findings) -> str:
    return of_role(found.variants, BASE)[0].name


def _adapted(found: Findings) -> list[Variant]:
    return of_role(found.variants, ADAPTED)
