"""What the answers of probes mean for a run: which step was best, and whether its representation collapses.

Two signs tell a collapse, each by itself. The effective rank is compared with the run's own highest, since
what is healthy depends on the width, the texts and the objective; the mean cosine has one bound for all,
above which vectors differ by less than 9° on the average. Where the bounds lie was measured on models of
4 × 256 with 128 texts. After half an hour on Wikipedia ten runs of contrastive, masked, two-way and
denoising objectives had ranks from 56 to 96 and cosines up to 0.86; random weights of six families at least
44 and at most 0.95. One that only learned to find replaced tokens had 3 and 0.992. In a masked model the rank
falls to 0.6 of its highest in the first hundred steps and stays there, far above the bound. Random weights
are not judged: they have not collapsed, whatever their shape.
"""

from __future__ import annotations

from typing import Any

from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.probing.shape import SHAPE_NAMES

RANK_SHARE_OF_HIGHEST = 0.1
COSINE_OF_COLLAPSE = 0.99
WAY_OUT = (
    "lower the learning rate, warm up longer (warmup_share), or go back to a checkpoint from before; with "
    "contrastive also see its temperature and batch"
)


class Collapsed(InputError):
    """The representation has collapsed, and the run was to stop then."""


class Standing:
    """The best score of a run, how long ago that was, and the highest effective rank.

    Args:
        keep_best: name of the score; None looks for none.
        stop_after: probings in a row without a better one after which the run ends.
    """

    def __init__(self, keep_best: str | None, stop_after: int | None) -> None:
        self.keep_best, self.stop_after = keep_best, stop_after
        self.last: dict[str, float] = {}
        self.best_score: float | None = None
        self.best_step = 0
        self.without_better = 0
        self.highest_rank = 0.0

    def take(self, step: int, scores: dict[str, float]) -> bool:
        """Whether these scores are the best so far. Those before the first step are of no checkpoint."""
        self.last = scores
        self.highest_rank = max(self.highest_rank, scores.get("effective_rank", 0.0))
        if self.keep_best is None or step == 0:
            return False
        score = scores[self.keep_best]
        is_better = self.best_score is None or score > self.best_score
        if is_better:
            self.best_score, self.best_step = score, step
        self.without_better = 0 if is_better else self.without_better + 1
        return is_better

    @property
    def has_stopped(self) -> bool:
        """Whether patience is at its end."""
        return self.stop_after is not None and self.without_better >= self.stop_after

    def collapse(self, scores: dict[str, float]) -> str | None:
        """What shows that the representation has collapsed, or None."""
        found = []
        rank, highest = scores.get("effective_rank"), self.highest_rank
        if rank is not None and rank < RANK_SHARE_OF_HIGHEST * highest:
            found.append(f"effective rank {rank:.1f}, after {highest:.1f}")
        if scores.get("mean_cosine", 0.0) > COSINE_OF_COLLAPSE:
            found.append(f"mean cosine {scores['mean_cosine']:.4f}")
        return ", ".join(found) or None

    def describe(self, scores: dict[str, float]) -> str:
        """Every score, and in brackets by how much it has changed since the last probing."""
        return ", ".join(_score(name, x, self.last.get(name)) for name, x in scores.items())

    def facts(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "keep_best": self.keep_best, "last": self.last, "best_score": self.best_score,
            "best_step": self.best_step, "without_better": self.without_better,
            "highest_rank": self.highest_rank,
        }  # fmt: skip

    def restore(self, facts: dict[str, Any]) -> None:
        """As `facts` had it; without any, as before the first probing. A best by another score is none."""
        fresh = Standing(self.keep_best, self.stop_after).facts()
        if facts.get("keep_best") != self.keep_best:
            facts = {name: facts[name] for name in ("last", "highest_rank") if name in facts}
        for name, value in {**fresh, **facts}.items():
            setattr(self, name, value)


_SMALL = ("mean_cosine", "uniformity", "alignment")


def _score(name: str, value: float, before: float | None) -> str:
    digits = 3 if name in _SMALL else 1
    change = "" if before is None else f" ({value - before:+.{digits}f})"
    shown = name.replace("_", " ") if name in SHAPE_NAMES else name
    return f"{shown} {value:.{digits}f}{change}"
