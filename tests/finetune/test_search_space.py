"""Spaces that a person writes: what is read, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig
from mlm_pretrain.finetune.searching.space import (
    Choices,
    Range,
    default_values,
    described,
    parse_space,
    read_space,
)

CONFIG = FinetuneConfig(model="m", train="t", validation="v", out="o")


def read(write: Any, text: str, config: FinetuneConfig = CONFIG, writes: bool = False) -> Any:
    return read_space(write("space.yaml", text), config, writes=writes)


def test_a_space_is_read_and_written_as_it_was(write: Any) -> None:
    space = read(
        write,
        "learning_rate: {low: 1e-5, high: 1e-3, log: true}\n"  # YAML reads 1e-5 as text
        "weight_decay: {low: 0, high: 1}\n"
        "epochs: {low: 2, high: 20}\n"
        "batch_size: [8, 16]\n"
        "embedding_rate: [1e-1, 1]\n"
        "dropout: [null, 0.1]\n"
        "adapt: [full, lora]\n",
    )
    assert space == {
        "learning_rate": Range(1e-5, 1e-3, log=True),
        "weight_decay": Range(0.0, 1.0),
        "epochs": Range(2, 20),
        "batch_size": Choices((8, 16)),
        "embedding_rate": Choices((0.1, 1)),
        "dropout": Choices((None, 0.1)),
        "adapt": Choices(("full", "lora")),
    }
    assert isinstance(space["epochs"].low, int) and isinstance(space["weight_decay"].low, float)
    assert parse_space(described(space), CONFIG, "again", writes=False) == space


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("learnin_rate: [1, 2]", r"space.yaml: unknown setting 'learnin_rate' \(did you mean 'learning_r"),
        ("seed: [1, 2]", "space.yaml: seed: cannot be searched"),
        ("train: [a, b]", "train: cannot be searched"),
        ("batch_size: 8", r"batch_size: 8 is one value\n.*list of values"),
        ("batch_size: [8]", "batch_size: fewer than two"),
        ("batch_size: [8, 8, 16]", "batch_size: .*one twice"),
        ("batch_size: [8, many]", "space.yaml: 'batch_size' is the text 'many'"),
        ("batch_size: [8, 0]", "space.yaml: 'batch_size': Input should be greater than 0"),
        ("batch_size: {low: 1.5, high: 8}", "space.yaml: 'batch_size'"),
        ("dropout: {low: 0, high: 1}", "'dropout': Input should be less than 1"),
        ("learning_rate: {low: 1, high: 1e-3}", "low 1 is not below high 0.001"),
        ("weight_decay: {low: 0, high: 1, log: true}", "low 0 has no logarithm"),
        ("learning_rate: {lo: 1, high: 2}", "learning_rate: .*unknown setting 'lo'"),
        ("adapt: {low: 1, high: 2}", "adapt: is not a number"),
        ("adapt: [full, fast]", "'adapt': Input should be"),
        ("epochs: [1, 2]\nsteps: [3, 4]", "steps: epochs are set as well"),
        ("{}", "nothing to search"),
        ("- a", "expected `key: value` lines"),
    ],
)  # fmt: skip
def test_mistakes_name_file_and_setting(text: str, problem: str, write: Any) -> None:
    with pytest.raises(InputError, match=problem):
        read(write, text)


def test_what_the_task_or_the_settings_leave_no_room_for_is_refused(write: Any) -> None:
    with pytest.raises(InputError, match="layer_decay: is for encoders"):
        read(write, "layer_decay: [0.8, 1.0]", writes=True)
    with pytest.raises(InputError, match="epochs: steps are set as well"):
        read(write, "epochs: [1, 2]", CONFIG.model_copy(update={"steps": 10}))


def test_the_place_of_a_run_without_a_change() -> None:
    space = {
        "learning_rate": Range(1e-5, 1e-3, log=True), "epochs": Choices((5, 10)),
        "dropout": Choices((None, 0.1)), "batch_size": Choices((32, 64)), "max_length": Range(8, 64),
    }  # fmt: skip
    facts = {"learning_rate": 5e-4, "epochs": 10.0, "batch_size": 16, "max_length": 128}
    found = default_values(space, CONFIG, facts)
    assert found == {"learning_rate": 5e-4, "epochs": 10, "dropout": None}
    assert isinstance(found["epochs"], int)
