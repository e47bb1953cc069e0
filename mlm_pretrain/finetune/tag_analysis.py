"""Where a tagger's entities are nearly right: their ends, their type, or both, by nervaluate.

Source: Segura-Bedmar et al. 2013, "SemEval-2013 task 9": "strict" wants both ends and the type, as `f1`
does; "exact" both ends; "ent_type" the type and any overlap; "partial" any overlap, which counts half where
the ends are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from mlm_pretrain.evaluation.metrics.tag_schemes import entities, repair

Rows: TypeAlias = Sequence[Mapping[str, Any]]
_COUNTS = ("correct", "incorrect", "partial", "missed", "spurious")
_SCORES = ("precision", "recall", "f1")


def analyse_tags(splits: Mapping[str, Rows]) -> dict[str, Any]:
    """By split: `overall` and `by_type`, each by the four ways of matching.

    Args:
        splits: rows with `tags` and `predictions` of any scheme that has entities.
    """
    return {split: found for split, rows in splits.items() if (found := _matches(rows))}


def _matches(rows: Rows) -> dict[str, Any]:
    from nervaluate import Evaluator

    sides = [[repair(row[side], "iob2") for row in rows] for side in ("tags", "predictions")]
    types = sorted({kind for side in sides for tags in side for _, _, kind in entities(tags)})
    if not types:
        return {}
    found = Evaluator(*sides, tags=types, loader="list").evaluate()
    by_type = {kind: _plain(of_type) for kind, of_type in sorted(found["entities"].items())}
    return {"overall": _plain(found["overall"]), "by_type": by_type}


def _plain(results: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    names = (*_COUNTS, *_SCORES)
    return {way: {n: getattr(result, n) for n in names} for way, result in results.items()}
