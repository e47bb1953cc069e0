"""Muon and AdamW: what each parameter gets."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
import training_splits as splits
from transformers import AutoTokenizer

from mlm_pretrain.training.muon import MuonAdamW, orthogonalize
from mlm_pretrain.training.optimizers import build_optimizer

LEARNING_RATE = 0.01


def matrices(*shape: int) -> torch.Tensor:
    """Random, with singular values from 0.1 to 1."""
    torch.manual_seed(0)
    left, values, right = torch.linalg.svd(torch.randn(*shape), full_matrices=False)
    spread = torch.linspace(1.0, 0.1, values.shape[-1])
    return left * spread @ right


@pytest.mark.parametrize("shape", [(96, 32), (32, 96), (48, 48), (5, 64, 16), (5, 16, 64)])
def test_orthogonalised_matrices_keep_only_their_directions(shape: tuple[int, ...]) -> None:
    given = 1000 * matrices(*shape)
    found = orthogonalize(given)
    assert found.shape == given.shape
    values = torch.linalg.svdvals(found)
    assert 0.65 < float(values.min()) <= float(values.max()) < 1.25
    left, _, right = torch.linalg.svd(given, full_matrices=False)
    nearest = left @ right
    cosines = torch.nn.functional.cosine_similarity(found.flatten(-2), nearest.flatten(-2), dim=-1)
    assert float(cosines.min()) > 0.98


def test_a_zero_gradient_stays_zero() -> None:
    assert torch.equal(orthogonalize(torch.zeros(2, 4, 8)), torch.zeros(2, 4, 8))


def parameter(*shape: int, seed: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def step(optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter], seed: int) -> None:
    for number, given in enumerate(parameters):
        generator = torch.Generator().manual_seed(100 * seed + number)
        given.grad = torch.randn(given.shape, generator=generator)
    optimizer.step()


def muon(vector: Any, matrix: Any, blocks: int = 1, decay: float = 0.1) -> MuonAdamW:
    groups = [
        {"params": [vector], "blocks": 0, "weight_decay": decay},
        {"params": [matrix], "blocks": blocks, "weight_decay": decay},
    ]
    return MuonAdamW(groups, lr=LEARNING_RATE)


def test_other_groups_get_exactly_adamw() -> None:
    vector, matrix, twin = parameter(7, seed=1), parameter(6, 4, seed=2), parameter(7, seed=1)
    ours = muon(vector, matrix)
    reference = torch.optim.AdamW(
        [twin], lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.1, fused=True
    )
    for number in range(4):
        step(ours, [vector, matrix], number)
        step(reference, [twin], number)
        assert torch.equal(vector, twin)


def test_a_matrix_moves_by_its_orthogonalised_nesterov_momentum() -> None:
    vector, matrix = parameter(3, seed=1), parameter(48, 16, seed=2)
    optimizer, expected, momentum = (
        muon(vector, matrix),
        matrix.detach().clone(),
        torch.zeros(48, 16),
    )
    for number in range(3):
        gradient = torch.randn(48, 16, generator=torch.Generator().manual_seed(100 * number + 1))
        momentum = 0.95 * momentum + 0.05 * gradient
        update = orthogonalize(0.05 * gradient + 0.95 * momentum)
        before = matrix.detach().clone()
        expected = expected * (1 - LEARNING_RATE * 0.1) - LEARNING_RATE * 0.2 * 48**0.5 * update
        step(optimizer, [vector, matrix], number)
        torch.testing.assert_close(matrix.detach(), expected, atol=1e-6, rtol=1e-5)
        moved = (matrix - before * (1 - LEARNING_RATE * 0.1)).detach()
        # As large as a step of AdamW with the same rate usually is.
        assert float(moved.square().mean().sqrt()) == pytest.approx(0.2 * LEARNING_RATE, rel=0.2)
        assert matrix.grad is None


def test_fused_matrices_are_orthogonalised_apart() -> None:
    parts = [parameter(16, 8, seed=n) for n in range(3)]
    fused = torch.nn.Parameter(torch.cat([part.detach() for part in parts]))
    gradients = [torch.randn(16, 8, generator=torch.Generator().manual_seed(n)) for n in range(3)]
    for given, gradient in zip([fused, *parts], [torch.cat(gradients), *gradients], strict=True):
        optimizer = muon(parameter(2, seed=0), given, blocks=3 if given is fused else 1)
        given.grad = gradient
        optimizer.step()
    torch.testing.assert_close(fused.detach(), torch.cat([part.detach() for part in parts]))


def test_its_state_survives_a_file() -> None:
    def pair() -> list[torch.nn.Parameter]:
        return [parameter(5, seed=1), parameter(12, 6, seed=2)]

    first, file = pair(), io.BytesIO()
    optimizer = muon(*first)
    for number in range(3):
        step(optimizer, first, number)
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    second = [torch.nn.Parameter(value.detach().clone()) for value in first]
    reopened = muon(*second)
    reopened.load_state_dict(torch.load(file, weights_only=True))
    for number in range(3, 6):
        step(optimizer, first, number)
        step(reopened, second, number)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("arch", splits.ARCHS)
def test_every_parameter_is_in_exactly_one_group(arch: str, name: Any, prepared: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    model = splits.small_model(arch, tokenizer)
    optimizer = build_optimizer(model, name, 1e-3, weight_decay=0.05)
    names = {id(value): key for key, value in model.named_parameters()}
    grouped = [id(value) for group in optimizer.param_groups for value in group["params"]]
    assert sorted(grouped) == sorted(names)
    blocks: dict[str, int] = {}
    for group in optimizer.param_groups:
        for value in group["params"]:
            assert group["weight_decay"] == (0.05 if value.dim() >= 2 else 0.0)
            blocks[names[id(value)]] = group.get("blocks", 0)
    by_muon = {key for key, count in blocks.items() if count}
    in_layers = {
        key for key, value in model.named_parameters() if ".layer" in key or ".h." in key
        if value.dim() == 2 and "relative_attention_bias" not in key  # which is looked up
    }  # fmt: skip
    assert by_muon == (in_layers if name == "muon" else set())
    if arch == "modernbert:2x64" and name == "muon":
        assert {key.split(".", 3)[-1]: count for key, count in blocks.items() if ".1." in key} == {
            "attn_norm.weight": 0, "attn.Wqkv.weight": 3, "attn.Wo.weight": 1,
            "mlp_norm.weight": 0, "mlp.Wi.weight": 2, "mlp.Wo.weight": 1,
        }  # fmt: skip
