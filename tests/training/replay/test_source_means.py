"""Losses of either text that are kept over a checkpoint, whose sums are of all processes."""

from __future__ import annotations

import pytest
import torch

from mlm_pretrain.objectives.objective import Predicted
from mlm_pretrain.training.replay.counting import SourceMeans
from mlm_pretrain.training.terms import TermMeans

CPU = torch.device("cpu")


def predicted(nats: list[float], rows: list[int]) -> Predicted:
    none = torch.empty(0)
    return Predicted(none, torch.tensor(nats), none, torch.tensor(rows), none.__getitem__, none)


def test_means_are_over_the_tokens_of_each_text_and_go_on_after_a_resume() -> None:
    """Rows of four places; the second and the third are replayed."""
    sources_B2 = torch.tensor([[0, 4], [1, 4], [1, 3]])
    means = SourceMeans(CPU)
    means.note(predicted([1.0, 2.0, 4.0], [0, 5, 11]), sources_B2, 4)
    facts = means.facts()
    first, second = SourceMeans(CPU), SourceMeans(CPU)
    first.restore(facts, CPU, is_first=True)
    second.restore(facts, CPU, is_first=False)
    for part in (means, first, second):
        part.note(predicted([3.0, 6.0], [1, 4]), sources_B2, 4)
    assert means.take() == first.take() == {"domain": 2.0, "replay": 4.0}
    assert second.take() == {"domain": 3.0, "replay": 6.0}  # what the first one kept is not its own
    assert means.take() == {}
    means.note(predicted([5.0], [2]), sources_B2, 4)
    assert means.take() == {"domain": 5.0}


def test_a_checkpoint_without_them_begins_with_none() -> None:
    means = SourceMeans(CPU)
    means.restore({}, CPU, is_first=True)
    means.note(predicted([5.0], [6]), torch.tensor([[0, 4], [1, 4]]), 4)
    assert means.take() == {"replay": 5.0}


def test_terms_of_all_processes_go_on_in_the_first_alone() -> None:
    terms = TermMeans()
    terms.count({"a": 2, "b": 1})
    terms.add({"a": torch.tensor(6.0), "b": torch.tensor(1.0)})
    parts = [TermMeans(), TermMeans()]
    for number, part in enumerate(parts):
        part.restore(terms.facts(), CPU, is_first=number == 0)
    together = {n: float(sum(part.sums[n] for part in parts)) for n in ("a", "b")}
    assert together == {"a": 6.0, "b": 1.0}
    assert parts[0].take() == pytest.approx({"a": 3.0, "b": 1.0})
