"""Which example is seen when: once an epoch, in another order each time, the same after a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import logged_when_resumed as logging
import package_process
import pytest
import torch
import training_order as order
import world_sizes as sizes
from transformers import AutoTokenizer

from mlm_pretrain.objectives.randomness import EVALUATION_EPOCH
from mlm_pretrain.training.placement import DealtBatches, Place, PlacedDataset, shuffled


@pytest.fixture(scope="module")
def tokenizer(prepared: Path) -> Any:
    return AutoTokenizer.from_pretrained(prepared / "tokenizer")


def numbers(batches: list[Any]) -> list[list[int]]:
    """The examples of each batch, from the token that names each."""
    return [(batch["input_ids"][:, 1] - order.FIRST_ID).tolist() for batch in batches]


def test_every_example_once_an_epoch_in_another_order(tokenizer: Any, tmp_path: Path) -> None:
    seen = numbers(order.seen_in("clm", tokenizer, tmp_path, num_train_epochs=2))
    flat = [number for batch in seen for number in batch]
    first, second = flat[: order.EXAMPLES], flat[order.EXAMPLES :]
    assert sorted(first) == sorted(second) == list(range(order.EXAMPLES))
    assert first != second
    assert first != sorted(first)


def test_workers_change_nothing(tokenizer: Any, tmp_path: Path) -> None:
    alone = order.seen_in("mlm", tokenizer, tmp_path, num_train_epochs=2)
    helped = order.seen_in("mlm", tokenizer, tmp_path, num_train_epochs=2, dataloader_num_workers=2)
    assert order.equal(alone, helped)


@pytest.mark.parametrize("stopped_at", [3, 6, 8])
def test_a_resumed_run_sees_exactly_the_rest(
    stopped_at: int, tokenizer: Any, tmp_path: Path
) -> None:
    """11 examples in batches of 2 are 6 steps an epoch: within one, at its end, within the next."""
    settings: dict[str, Any] = {
        "num_train_epochs": 2,
        "save_strategy": "steps",
        "save_steps": stopped_at,
    }
    whole = order.seen_in("mlm", tokenizer, tmp_path, **settings)
    assert not order.equal(whole[:5], whole[6:11])
    checkpoint = tmp_path / f"checkpoint-{stopped_at}"
    rest = order.seen_in("mlm", tokenizer, tmp_path, checkpoint, **settings)
    assert order.equal(rest, whole[stopped_at:])


def test_a_resume_within_accumulated_steps(tokenizer: Any, tmp_path: Path) -> None:
    """Three micro-batches a step, two steps an epoch, stopped after the third step."""
    settings: dict[str, Any] = {
        "num_train_epochs": 2, "save_strategy": "steps", "save_steps": 3,
        "gradient_accumulation_steps": 3,
    }  # fmt: skip
    whole = order.seen_in("mlm", tokenizer, tmp_path, **settings)
    rest = order.seen_in("mlm", tokenizer, tmp_path, tmp_path / "checkpoint-3", **settings)
    assert order.equal(rest, whole[9:])


def test_two_processes_share_the_examples_also_after_a_resume(
    prepared: Path, tmp_path: Path
) -> None:
    """One process's order, dealt out in turn; stopped within the second epoch, then resumed."""
    done = package_process.run_on_two_processes(order.__file__, prepared / "tokenizer", tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((tmp_path / f"rank{r}.json").read_text("utf-8")) for r in range(2)]
    whole = [
        batch for pair in zip(*(rank["whole"] for rank in ranks), strict=True) for batch in pair
    ]
    tokenizer = AutoTokenizer.from_pretrained(prepared / "tokenizer")
    alone = numbers(
        order.seen_in("clm", tokenizer, tmp_path / "alone", num_train_epochs=2, examples=12)
    )
    assert whole == alone
    for rank in ranks:
        assert rank["rest"] == rank["whole"][order.STOPPED_AT :]


def test_examples_know_their_place() -> None:
    rows = PlacedDataset([{"input_ids": [n]} for n in range(5)])
    batches = DealtBatches(shuffled(3, 5), 5, rows=2)
    batches.set_epoch(7)
    placed = [row for batch in batches for row in rows.__getitems__(batch)]
    assert {row["epoch"] for row in placed} == {7}
    assert [row["input_ids"] for row in placed] == [[row["example"]] for row in placed]
    assert rows[2] == {"input_ids": [2], "epoch": EVALUATION_EPOCH, "example": 2}


@pytest.mark.parametrize("size", [1, 7, 16, 17, 18, 31, 48])
def test_any_number_of_processes_shares_the_same_steps(size: int) -> None:
    """16 rows a step, however they are cut: the same examples in the same step, each of them once."""

    def steps(rows: int, processes: int) -> list[list[int]]:
        ranks = [
            list(DealtBatches(shuffled(1, size), size, rows, processes, process))
            for process in range(processes)
        ]
        assert len({len(rank) for rank in ranks}) == 1  # none waits for another
        rounds = [[place for rank in ranks for place in rank[n]] for n in range(len(ranks[0]))]
        a_step = 16 // (rows * processes)
        return [
            sorted(
                place.example
                for dealt in rounds[first : first + a_step]
                for place in dealt
                if not place.weightless
            )
            for first in range(0, len(rounds), a_step)
        ]

    alone = steps(16, 1)
    assert sorted(n for step in alone for n in step) == list(range(size))
    for rows, processes in ((8, 1), (8, 2), (4, 2), (2, 4), (1, 16), (1, 3)):
        if 16 % (rows * processes) == 0:
            assert steps(rows, processes) == alone


def test_a_process_without_rows_learns_nothing() -> None:
    """The last row of 9 goes to the first of two processes; the other repeats it without a label."""
    batches = [list(DealtBatches(shuffled(1, 9), 9, 4, 2, process)) for process in (0, 1)]
    assert [place.weightless for place in batches[0][1] + batches[1][1]] == [False, True]
    assert batches[0][1] == [Place(*batches[1][1][0][:2])]


def test_masks_differ_between_epochs_and_not_between_runs(tokenizer: Any, tmp_path: Path) -> None:
    once = order.seen_in("mlm", tokenizer, tmp_path, num_train_epochs=4, examples=2)
    again = order.seen_in("mlm", tokenizer, tmp_path, num_train_epochs=4, examples=2)
    assert order.equal(once, again)
    masked = {tuple((batch["labels"] != -100).sum(0).tolist()) for batch in once}
    assert len(masked) > 1
    other = order.seen_in("mlm", tokenizer, tmp_path, num_train_epochs=4, examples=2, seed=1)
    assert not order.equal(once, other)
    assert torch.is_tensor(once[0]["labels"])


@pytest.mark.fault("world-size")
@pytest.mark.parametrize("objective", ["mlm", "clm"])
def test_one_then_two_then_one_process(objective: str, prepared: Path, tmp_path: Path) -> None:
    """The same rows in the same step, none lost, none twice; and, but for rounding, the same losses."""
    tokenizer, out = prepared / "tokenizer", tmp_path / "shared"
    whole = sizes.train(tokenizer, tmp_path / "whole", objective, 1, False, sizes.STEPS)
    first = sizes.train(tokenizer, out, objective, 1, False, stop=2)
    done = package_process.run_on_two_processes(sizes.__file__, tokenizer, out, objective, 7)
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads((out / f"rank{r}.json").read_text("utf-8")) for r in range(2)]
    last = sizes.train(tokenizer, out, objective, 1, True, sizes.STEPS)
    shared = {
        int(step): ranks[0]["rows"][step] + ranks[1]["rows"][step] for step in ranks[0]["rows"]
    }
    joined = {**first["rows"], **shared, **last["rows"]}
    assert set(shared) == set(range(3, 8))
    assert {n: sorted(rows) for n, rows in joined.items()} == {
        n: sorted(rows) for n, rows in whole["rows"].items()
    }
    assert [len(whole["rows"][step]) for step in (1, 2, 3)] == [8, 8, 5]
    assert last["losses"] == pytest.approx(whole["losses"], abs=2e-5)
    assert last["tokens"] == whole["tokens"]


def test_two_processes_log_the_mean_of_all_their_steps_after_a_resume(
    prepared: Path, tmp_path: Path
) -> None:
    """Those before the checkpoint too, of both processes."""
    done = package_process.run_on_two_processes(logging.__file__, prepared, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    whole, stopped, resumed = json.loads((tmp_path / "rank0.json").read_text("utf-8"))
    assert len(whole) == 1 and stopped == []
    assert resumed == pytest.approx(whole, rel=1e-6)
