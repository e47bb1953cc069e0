"""Figures of embeddings, and a model that really loses its texts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from contrastive_cases import OBJECTIVE, collated, network, passes_of

from mlm_pretrain.objectives.contrastive.collapse import (
    alignment,
    collapse_warning,
    effective_rank,
    measured,
    uniformity,
)
from mlm_pretrain.objectives.contrastive.config import ContrastiveConfig
from mlm_pretrain.objectives.contrastive.objective import embeddings, loss


def test_figures_of_known_embeddings() -> None:
    axes, same = torch.eye(16), torch.eye(16)[:1].expand(16, -1)
    assert effective_rank(axes) == pytest.approx(16) and effective_rank(same) == pytest.approx(1)
    assert uniformity(axes) == pytest.approx(-4) and uniformity(same) == 0
    assert alignment(axes, axes) == 0 and alignment(axes, axes.roll(1, 0)) == pytest.approx(2)
    two = torch.cat([axes[:1].expand(8, -1), axes[1:2].expand(8, -1)])
    expected = math.log((56 + 64 * math.exp(-4)) / 120)
    assert uniformity(two) == pytest.approx(expected)
    assert collapse_warning(measured(axes, axes)) is None
    assert "all texts are embedded alike" in str(collapse_warning(measured(same, same)))
    assert "few directions" in str(collapse_warning(measured(two, two)))
    assert (
        collapse_warning(measured(same[:2], same[:2])) is None
    )  # two lie in few directions anyhow
    assert measured(axes[:0], axes[:0]) == {}


def train(model: Any, batch: Any, config: ContrastiveConfig, has_negatives: bool) -> None:
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 2e-3)
    passes = passes_of(model)
    for _ in range(40):
        found = loss(OBJECTIVE, passes, batch, {"texts": 13}, config).loss
        if not has_negatives:
            queries, keys = embeddings(passes, batch, config)
            found = (queries[:, None] - keys.roll(1, 0)).square().sum(-1).mean()
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        model.pretraining_heads.end_step(model)


def test_a_model_without_negatives_collapses_and_that_is_said(
    tokenizers: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    config = ContrastiveConfig(positives="augmented", health_every=10)
    batch = collated(tokenizers["wordpiece"], config)
    healthy, collapsed = (network(tokenizers["wordpiece"], config).train() for _ in range(2))
    train(healthy, batch, config, has_negatives=True)
    assert collapse_warning(healthy.pretraining_heads.health) is None
    assert "collapse" not in capsys.readouterr().err
    train(collapsed, batch, config, has_negatives=False)
    assert collapse_warning(collapsed.pretraining_heads.health) is not None
    assert capsys.readouterr().err.count("collapse: ") == 1  # not at every measurement
