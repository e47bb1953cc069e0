"""Several objectives, one encoder (learned weights: Kendall et al. 2018; measured ones: Chen et al. 2018).

Formula: minimise Σ_p w_p · L_p over the parts p, L_p being part p's own loss over the step. With "sum" each
    part makes its own batch of every row, and w_p is its weight; with "share" each row goes to one part,
    drawn in proportion to the weights, and w_p is the share of the step's rows that came out. With learned
    weights it is Σ_p w_p · (exp(−s_p) · L_p + s_p), and s_p is trained too, from 0; with balanced gradients
    the gradient is Σ_p w_p · f_p · ∂L_p, with f_p from those of the steps before (see `gradients`).
Inputs: rows of ids (T), with the lengths of the segments packed into each.
Requirements: parts that need the same class of model.
Relations: "sum" takes a forward pass for each part, even where two would read the same rows: `masked` beside
    `order` is masked twice, and `order` alone has a masked term already. "share" takes as many tokens as one
    objective. A learned s_p moves at the model's learning rate. `hybrid` is "share" of `masked` and `causal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.objectives.card import Card
from mlm_pretrain.objectives.objective import Batch, Counts, Found, Objective, Passes
from mlm_pretrain.objectives.together.collator import (
    PROGRESS,
    TogetherCollator,
    batch_of,
    follows,
    never_empty,
)
from mlm_pretrain.objectives.together.config import (
    Member,
    Part,
    TogetherConfig,
    joined_name,
)
from mlm_pretrain.objectives.together.heads import build_heads

ROWS = "rows"


def together(config: TogetherConfig) -> Objective:
    """The one objective that trainers see; it is given `config` as its settings.

    Raises:
        InputError: when the parts cannot train one model.
    """
    members = config.members
    _require_fitting(members)
    parts = [member.objective for member in members]
    has_heads = config.balance != "none" or any(part.heads is not None for part in parts)
    first = parts[0]
    return Objective(
        name=joined_name(config.parts), auto_class=first.auto_class, is_causal=first.is_causal,
        config=TogetherConfig, collator=TogetherCollator,
        predicted_positions=first.predicted_positions, count=partial(_count, parts), loss=loss,
        weights=weights, terms=tuple(f"{part.name}/{term}" for part in parts for term in part.terms),
        serves=_served(parts), heads=build_heads if has_heads else None,
        exported_heads=tuple(f"{part.name}.{start}" for part in parts for start in part.exported_heads),
        prepare=prepare if any(part.prepare is not None for part in parts) else None,
        family_classes=first.family_classes, trains_head=any(part.trains_head for part in parts),
        needs_partner=any(part.needs_partner for part in parts), card=_card(members),
    )  # fmt: skip


def _card(members: Sequence[Member]) -> Card:
    names = ", ".join(member.name for member in members)
    passages = [member.objective.its_card.use(member.config) for member in members]
    return Card(
        f"several objectives on one encoder ({names})",
        use=lambda _settings: "\n\n".join(passage for passage in passages if passage),
    )


def recorded(config: Mapping[str, Any]) -> Objective:
    """The objective that a run's recorded settings ask for, however many parts it has."""
    from mlm_pretrain.objectives import OBJECTIVES

    parts = [Part.model_validate(part) for part in config.get("objectives", [])]
    return together(TogetherConfig(parts=parts)) if parts else OBJECTIVES[config["objective"]]


def _served(parts: Sequence[Objective]) -> tuple[str, ...]:
    """What any part is good for, masked prediction first."""
    names = dict.fromkeys(name for part in parts for name in part.served)
    return tuple(sorted(names, key=lambda name: name != "mlm"))


def _require_fitting(members: Sequence[Member]) -> None:
    for member in members:
        if member.objective.figures is not None and not member.objective.serves:
            raise InputError(
                f"{member.name}: trains a model of another kind, and cannot be a part",
                f"train it alone: --objective {member.name}",
            )
    first = members[0]
    for member in members:
        if member.objective.is_causal != first.objective.is_causal:
            raise InputError(
                f"{first.name} and {member.name}: one reads from left to right, the other both ways",
                "give hybrid in place of clm: of its rows a share is read from left to right",
            )
        if member.objective.auto_class != first.objective.auto_class:
            raise InputError(
                f"{first.name} and {member.name}: one needs {first.objective.auto_class}, the other "
                f"{member.objective.auto_class}",
                "train them one after the other, the second with --init",
            )
    if len(names := [member.name for member in members if follows(member)]) > 1:
        raise InputError(
            f"{' and '.join(names)}: only one part's masks can follow its losses",
            f"give {names[-1]} settings of its own in `objectives`, with adaptive: 0.0 for its masks",
        )


def _count(parts: Sequence[Objective], _objective: Objective, batch: Batch) -> dict[str, int]:
    """What each part counts, and its rows."""
    counts: dict[str, int] = {}
    for number, part in enumerate(parts):
        own = batch_of(batch, number, part.name)
        found = {ROWS: len(own["labels"]), **part.count(part, own)}
        counts |= {f"{part.name}/{name}": count for name, count in found.items()}
    return counts


def loss(
    _objective: Objective, passes: Passes, batch: Batch, counts: Counts, config: TogetherConfig
) -> Found:
    """The parts' losses over the step, each with its weight."""
    total: Any = 0.0
    sums: dict[str, Any] = {}
    predicted = None
    for number, member in enumerate(config.members):
        own = batch_of(batch, number, member.name)
        rows = never_empty(own, batch, number, member.name)
        step = _own(counts, member.name)
        share = len(own["labels"]) / max(step[ROWS], 1)
        found = _balanced(member, number, passes, rows, step, share)
        total = total + _weight(member, batch, counts, config) * found.loss
        sums |= {f"{member.name}/{term}": part for term, part in found.sums.items()}
        if predicted is None or follows(member):
            predicted = found.predicted
    return Found(total, sums, predicted)


def _balanced(
    member: Member, number: int, passes: Passes, rows: Batch, step: Counts, share: float
) -> Found:
    """What the part finds in its own rows of the batch, `share` of those it has in the step; its loss with
    what balances it."""
    objective, own = member.objective, passes.seeing(member.name)
    if passes.heads is None:
        return objective.loss(objective, own, rows, step, member.config)
    with passes.heads.watching(number, passes.model.base_model) as watch:
        found = objective.loss(objective, own, rows, step, member.config)
    watch(found.loss)
    return found._replace(loss=passes.heads.balanced(number, found.loss, share))


def _own(counts: Counts, name: str) -> dict[str, Any]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): v for k, v in counts.items() if k.startswith(prefix)}


def _weight(member: Member, batch: Batch, counts: Counts, config: TogetherConfig) -> Any:
    """Of a part's loss over the step."""
    if config.together == "sum":
        # All micro-batches of a step have the same progress, and so do all rows.
        return member.part.weight_at(batch[PROGRESS][0])
    rows = sum(counts[f"{other.name}/{ROWS}"] for other in config.members)
    return counts[f"{member.name}/{ROWS}"] / max(rows, 1)


def prepare(
    _objective: Objective, passes: Passes, batches: Iterable[Batch], config: TogetherConfig
) -> None:
    """Let each part whose loss spans a step's batches look at its own rows of all of them."""
    step = list(batches)
    for number, member in enumerate(config.members):
        look: Callable[..., None] | None = member.objective.prepare
        if look is not None:
            name = member.name
            own = (never_empty(batch_of(b, number, name), b, number, name) for b in step)
            look(member.objective, passes.seeing(name), own, member.config)


def weights(config: TogetherConfig) -> dict[str, float]:
    """Of all terms, in one figure for a validation: as at the end of the run, without what is learnt."""
    ends = [float(member.part.weight_at(1.0)) for member in config.members]
    whole = sum(ends) if config.together == "share" else 1.0
    return {
        f"{member.name}/{term}": end / whole * weight
        for member, end in zip(config.members, ends, strict=True)
        for term, weight in member.objective.weights(member.config).items()
    }
