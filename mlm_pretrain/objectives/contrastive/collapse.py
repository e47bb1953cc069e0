"""Whether embeddings still tell texts apart.

Formula: alignment = mean ‖q_i − k_i‖² over pairs of views; uniformity = log mean exp(−2 ‖q_i − q_j‖²)
    over pairs of texts (Wang and Isola 2020), about −4 for directions spread evenly and 0 where all are
    one; effective rank = exp of the entropy of the singular values, which are made to add up to 1 (Roy
    and Vetterli 2007): in how many directions the embeddings really lie.

N: texts. H: width of the embeddings, which have length 1.
"""

from __future__ import annotations

import torch

MOST_TEXTS = 1024  # of a step are looked at: pairs of more take long
_ENOUGH_TEXTS = 8  # fewer lie in few directions whatever the model does
_FEW_DIRECTIONS = 3.0
_ALL_ALIKE, _VIEWS_ALIKE = -0.1, 0.05  # uniformity above, alignment below


def alignment(queries_NH: torch.Tensor, keys_NH: torch.Tensor) -> float:
    return float((queries_NH - keys_NH).square().sum(1).mean())


def uniformity(queries_NH: torch.Tensor) -> float:
    """0 for fewer than two texts."""
    if len(queries_NH) < 2:
        return 0.0
    return float(torch.pdist(queries_NH).square().mul(-2).exp().mean().log())


def effective_rank(embeddings_NH: torch.Tensor) -> float:
    values = torch.linalg.svdvals(embeddings_NH)
    shares = values / values.sum().clamp_min(1e-12)
    return float(torch.special.entr(shares).sum().exp())


def measured(queries_NH: torch.Tensor, keys_NH: torch.Tensor) -> dict[str, float]:
    """The figures of one step's embeddings; empty where there were none."""
    if not len(queries_NH):
        return {}
    queries_NH, keys_NH = (part[:MOST_TEXTS].float() for part in (queries_NH, keys_NH))
    return {
        "alignment": alignment(queries_NH, keys_NH),
        "uniformity": uniformity(queries_NH),
        "effective_rank": effective_rank(queries_NH),
        "texts": float(len(queries_NH)),
    }


def collapse_warning(health: dict[str, float]) -> str | None:
    """What is wrong with a step's figures and what helps, or None."""
    if health.get("texts", 0.0) < _ENOUGH_TEXTS:
        return None
    rank = health["effective_rank"]
    if health["uniformity"] > _ALL_ALIKE and health["alignment"] < _VIEWS_ALIKE:
        found = f"all texts are embedded alike (uniformity {health['uniformity']:.2f})"
    elif rank < _FEW_DIRECTIONS:
        found = f"the embeddings lie in few directions (effective rank {rank:.1f})"
    else:
        return None
    return (
        f"collapse: {found}\n  → lower the learning rate or the temperature, give more negatives (a larger "
        "batch, cached, bank_size), or make the views differ more (dropout, positives)"
    )
