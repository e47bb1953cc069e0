"""Probes of frozen vectors give what plain computations of the same give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from transformers import AutoModel, AutoTokenizer

from mlm_pretrain.evaluation.minimal_pairs import Pair
from mlm_pretrain.evaluation.probing.grammar import grammar_score, sample_pairs
from mlm_pretrain.evaluation.probing.linear import linear_score, pair_features
from mlm_pretrain.evaluation.probing.neighbours import neighbour_score
from mlm_pretrain.evaluation.probing.shape import shape_figures
from mlm_pretrain.evaluation.probing.similarity import similarity_score
from mlm_pretrain.evaluation.probing.suite import as_used
from mlm_pretrain.evaluation.probing.vectors import encode_ids, encode_texts, sentence_vectors
from mlm_pretrain.evaluation.pseudo_likelihood import sentence_scores
from mlm_pretrain.modeling.attention.choosing import require_packable
from mlm_pretrain.modeling.build import new_model

TEXTS = ["return the sum of it", "a", "raise an error where the file is not open"] * 30 + ["end"]


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folders: dict[str, Any]) -> Any:
    return AutoTokenizer.from_pretrained(tokenizer_folders["wordpiece"])


def plain_vectors(network: Any, tokenizer: Any, texts: list[str]) -> np.ndarray:
    """As it was done by the benchmark alone: texts by length, 64 at a time, the library's own call."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    found = np.empty((len(texts), network.config.hidden_size), np.float32)
    for start in range(0, len(texts), 64):
        rows = order[start : start + 64]
        inputs = tokenizer(
            [texts[i] for i in rows], padding=True, truncation=True,
            max_length=min(128, tokenizer.model_max_length), return_tensors="pt",
            return_token_type_ids=False,
        )  # fmt: skip
        with torch.no_grad():
            states = network(**inputs).last_hidden_state
        seen = inputs["attention_mask"][:, :, None]
        found[rows] = ((states * seen).sum(1) / seen.sum(1)).numpy()
    return found


def test_an_exported_model_gives_the_bits_of_the_plain_way(tiny_model: Any) -> None:
    network = AutoModel.from_pretrained(tiny_model).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    found = sentence_vectors(network, encode_texts(tokenizer, TEXTS))
    assert np.array_equal(found, plain_vectors(network, tokenizer, TEXTS))


@pytest.mark.parametrize(
    "arch, auto_class",
    [
        ("modernbert:2x64", "AutoModelForMaskedLM"),
        ("bert:2x64", "AutoModelForMaskedLM"),
        ("roberta:2x64", "AutoModelForMaskedLM"),
        ("gpt2:2x64", "AutoModelForCausalLM"),
        ("t5:2x64", "AutoModelForSeq2SeqLM"),
    ],
)
def test_a_model_in_training_gives_each_text_what_it_has_alone(
    arch: str, auto_class: str, tokenizer: Any
) -> None:
    """Whatever stands beside it in a batch, with packed attention as training sets it."""
    model = new_model(arch, auto_class, tokenizer, 64, seed=0).eval()
    encoder = model.get_encoder() if "t5" in arch else model.base_model
    alone = [
        encoder(**tokenizer(text, return_tensors="pt", return_token_type_ids=False))[0][0].mean(0)
        for text in TEXTS[:3]
    ]
    expected = torch.stack(alone).detach().numpy()
    if "t5" not in arch:
        require_packable(model, "products8")
    found = sentence_vectors(model, encode_texts(tokenizer, TEXTS, longest_tokens=64))
    assert np.allclose(found[:3], expected, atol=1e-5)
    assert np.array_equal(found[:3], found[3:6])
    ids = [np.array(tokenizer(text)["input_ids"]) for text in TEXTS]
    assert np.allclose(sentence_vectors(model, encode_ids(ids, 0)), found, atol=1e-5)


def test_neighbours_are_those_of_scikit_learn() -> None:
    """Of two classes an odd number of neighbours has no ties."""
    draws = np.random.default_rng(0)
    train, tested = draws.normal(size=(80, 6)), draws.normal(size=(50, 6)).astype(np.float32)
    labels, right = (list(draws.choice(["a", "b"], n)) for n in (80, 50))
    for neighbours in (1, 5):
        sklearn = KNeighborsClassifier(neighbours, metric="cosine").fit(train, labels)
        expected = 100 * sklearn.score(tested, right)
        found = neighbour_score(train, labels, tested, right, neighbours)
        assert found == pytest.approx(expected)


def test_the_nearest_decides_between_labels_that_are_as_frequent() -> None:
    train = np.array([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [1.0, 0.4]])
    labels = ["near", "far", "far", "near"]
    assert neighbour_score(train, labels, np.array([[1.0, 0.0]]), ["near"], neighbours=4) == 100


def test_a_linear_probe_finds_what_one_direction_tells() -> None:
    draws = np.random.default_rng(1)
    rows = draws.normal(size=(150, 8))
    labels = np.where(rows[:, 3] > 0, "up", "down").tolist()
    assert linear_score(rows[:100], labels[:100], rows[100:], labels[100:]) > 90
    shuffled = draws.permutation(labels).tolist()
    assert linear_score(rows[:100], shuffled[:100], rows[100:], shuffled[100:]) < 75


def test_features_of_a_pair() -> None:
    first, second = np.array([[1.0, -2.0]], np.float32), np.array([[3.0, 4.0]], np.float32)
    assert pair_features(first, second).tolist() == [[1, -2, 3, 4, 2, 6, 3, -8]]
    assert pair_features(first, None) is first


def test_similarity_follows_the_cosine_alone() -> None:
    angles = np.array([0.1, 0.5, 0.9, 1.4])
    first = np.stack([np.ones(4), np.zeros(4)], 1)
    second = np.stack([np.cos(angles), np.sin(angles)], 1) * np.array([[1], [9], [2], [5]])
    assert similarity_score(first, second, [4.0, 3.0, 2.0, 1.0]) == pytest.approx(100)
    assert similarity_score(first, first, [4.0, 3.0, 2.0, 1.0]) == 0


def test_the_shape_is_what_plain_sums_give() -> None:
    draws = np.random.default_rng(2)
    first = draws.normal(size=(20, 7)) + 0.5
    second = first + draws.normal(size=(20, 7))
    found = shape_figures(first, second)
    unit = first / np.linalg.norm(first, axis=1, keepdims=True)
    other = second / np.linalg.norm(second, axis=1, keepdims=True)
    values = np.linalg.svd(unit, compute_uv=False)
    shares = values / values.sum()
    pairs = [(i, j) for i in range(20) for j in range(i)]
    apart = [np.exp(-2 * np.sum((unit[i] - unit[j]) ** 2)) for i, j in pairs]
    assert found == pytest.approx(
        {
            "effective_rank": np.exp(-(shares * np.log(shares)).sum()),
            "mean_cosine": np.mean([unit[i] @ unit[j] for i, j in pairs]),
            "uniformity": np.log(np.mean(apart)),
            "alignment": np.mean(np.sum((unit - other) ** 2, axis=1)),
        },
        rel=1e-4,
    )
    same = shape_figures(np.ones((20, 7)), np.ones((20, 7)))
    assert same["effective_rank"] == pytest.approx(1, abs=1e-3)
    assert same["mean_cosine"] == pytest.approx(1)


def test_a_sample_of_pairs_is_the_same_for_a_seed_and_even() -> None:
    pairs = [Pair(f"p{n % 3}", "", f"good {n}", f"bad {n}") for n in range(60)]
    first = sample_pairs(pairs, 5, seed=1)
    assert first == sample_pairs(pairs, 5, seed=1) != sample_pairs(pairs, 5, seed=2)
    assert [sum(pair.paradigm == f"p{n}" for pair in first) for n in range(3)] == [5, 5, 5]
    assert len(sample_pairs(pairs, 50, seed=1)) == 60


@pytest.mark.parametrize("arch", ["modernbert:2x64", "bert:2x64", "gpt2:2x64"])
def test_pairs_are_scored_alike_with_packed_attention(arch: str, tokenizer: Any) -> None:
    is_causal = arch.startswith("gpt2")
    auto_class = "AutoModelForCausalLM" if is_causal else "AutoModelForMaskedLM"
    model = new_model(arch, auto_class, tokenizer, 64, seed=0).eval()
    plain = sentence_scores(model, tokenizer, TEXTS[:3], is_causal)
    require_packable(model, "products8")
    packed = sentence_scores(model, tokenizer, TEXTS[:3], is_causal)
    assert packed == pytest.approx(plain, abs=1e-4)
    best, *_, worst = (TEXTS[n] for n in np.argsort(packed)[::-1])
    pairs = [Pair("p", "", best, worst), Pair("q", "", worst, best), Pair("q", "", best, worst)]
    # A mean over paradigms: one is right, the other one right in a half.
    assert grammar_score(model, tokenizer, pairs, is_causal) == 75


def test_a_model_is_left_in_the_modes_of_its_parts(tokenizer: Any) -> None:
    model = new_model("bert:2x64", "AutoModelForMaskedLM", tokenizer, 64, seed=0).train()
    model.base_model.embeddings.eval()
    before = [part.training for part in model.modules()]
    with as_used(model):
        assert not any(part.training for part in model.modules())
        assert not torch.is_grad_enabled()
    assert [part.training for part in model.modules()] == before
    assert torch.is_grad_enabled()
    assert len(set(before)) == 2
