"""Real searches: never worse than without one, the same after a kill, and blind to the test file."""

from __future__ import annotations

import json
import math
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from package_process import signal_when
from tiny_problems import opinions
from written_problems import save_writer, translations

from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import FinetuneConfig, finetune, plan_search, search
from mlm_pretrain.finetune.loop import FinetuneTrainer
from mlm_pretrain.finetune.searching.records import Trial
from mlm_pretrain.finetune.searching.sampling import Proposal, importance
from mlm_pretrain.finetune.searching.search import best_of
from mlm_pretrain.finetune.searching.space import Choices, Range
from mlm_pretrain.manifest import read_manifest, verify

# A rate that moves nothing, one that breaks the model in a step, and one that learns.
IDLE, DEADLY, GOOD = 1e-8, 1e38, 5e-3
GIVEN: dict[str, Any] = {
    "epochs": 6,
    "batch_size": 8,
    "embedding_rate": 1.0,
    "learning_rate": IDLE,
    "precision": "fp32",
}
SPACE = {"learning_rate": [IDLE, GOOD, DEADLY], "batch_size": [8, 16]}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("opinions")
    paths = {}
    for seed, (split, count) in enumerate({"train": 64, "validation": 40, "test": 30}.items()):
        paths[split] = str(folder / f"{split}.jsonl")
        lines = [json.dumps(row) + "\n" for row in opinions(count, seed)]
        Path(paths[split]).write_text("".join(lines))
    return paths


@pytest.fixture
def config(bert: str, files: dict[str, str], tmp_path: Path) -> FinetuneConfig:
    return FinetuneConfig(model=bert, out=str(tmp_path / "search"), **files, **GIVEN)


def records(out: str | Path) -> dict[str, bytes]:
    found = sorted(Path(out).glob("trials/*/record.json"))
    return {path.parent.name: path.read_bytes() for path in found}


def told(trial: dict[str, Any]) -> dict[str, Any]:
    """What a trial came to, but for how long it took."""
    return {key: value for key, value in trial.items() if key != "seconds"}


def test_the_best_is_found_trained_again_and_scored_on_the_test_file(
    config: FinetuneConfig, tmp_path: Path
) -> None:
    result = search("sentiment", config, space=SPACE, trials=5)
    trials = result["trials"]
    assert [trial["number"] for trial in trials] == list(range(5))
    # The first is a fine-tuning without a search; rates that break the model end their trial alone.
    assert trials[0]["settings"] == {} and trials[0]["values"] == {
        "learning_rate": IDLE,
        "batch_size": 8,
    }
    for trial in trials:
        is_deadly = trial["values"]["learning_rate"] == DEADLY
        assert (trial["state"] == "failed") == is_deadly == ("loss is" in trial["reason"])
    assert {"failed", "complete"} == {trial["state"] for trial in trials}
    best = result["best"]
    assert best["values"]["learning_rate"] == GOOD and best["score"] > 0.9
    assert result["gain"] == best["score"] - result["default"]["score"] > 0.2
    winner = result["winner"]
    assert winner["metrics"]["validation"]["accuracy"] == best["score"]  # the same run again
    assert winner["metrics"]["test"]["accuracy"] > 0.9
    out = Path(config.out)
    verify(out / "model", read_manifest(out / "model", "finetune"))
    assert (out / "model" / "model.safetensors").exists()
    assert json.loads((out / "search.json").read_text()) == json.loads(json.dumps(result))
    # No trial has seen the test file, or kept its weights.
    for folder in out.glob("trials/*/seed-0"):
        names = {path.name for path in folder.iterdir()}
        assert "predictions_test.jsonl" not in names and "model.safetensors" not in names
        if "manifest.json" in names:
            assert "test" not in read_manifest(folder, "finetune").inputs
    # More trials go on until all six there are have been tried, and the winner is not trained twice.
    before = records(out)
    weights = (out / "model" / "model.safetensors").stat().st_mtime_ns
    more = search("sentiment", config, space=SPACE, trials=9)
    assert len(more["trials"]) == len({str(trial["values"]) for trial in more["trials"]}) == 6
    assert {name: record for name, record in records(out).items() if name in before} == before
    if more["best"]["number"] == best["number"]:
        assert (out / "model" / "model.safetensors").stat().st_mtime_ns == weights


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    config: FinetuneConfig, tmp_path: Path
) -> None:
    """First by Ctrl-C, and then by a kill."""
    whole = search("sentiment", config, space=SPACE, trials=5)
    out, space = tmp_path / "killed", tmp_path / "space.yaml"
    space.write_text(json.dumps(SPACE))
    words = ["-m", "mlm_pretrain", "search", "sentiment", "--trials", "5", "--out", str(out)]
    words += ["--space", str(space)]
    for name in ("model", "train", "validation", "test"):
        words += [f"--{name}", getattr(config, name)]
    for name, value in GIVEN.items():
        words += ["--set", f"{name}={value}"]

    def stopped_by(number: signal.Signals) -> Any:
        """As soon as one more trial is done."""
        before = len(records(out))
        return signal_when(words, lambda: len(records(out)) > before, number)

    done = stopped_by(signal.SIGINT)
    assert done.returncode == 130
    assert "the same command goes on after them" in done.stderr and "Traceback" not in done.stderr
    first = records(out)
    assert not list(out.rglob("run.json"))
    assert stopped_by(signal.SIGKILL).returncode == -signal.SIGKILL
    kept = records(out)
    assert 0 < len(first) < len(kept) < 5 and (out / "run.json").exists()
    assert {name: record for name, record in kept.items() if name in first} == first
    again = search("sentiment", config.model_copy(update={"out": str(out)}), space=SPACE, trials=5)
    assert {name: record for name, record in records(out).items() if name in kept} == kept
    assert [told(t) for t in again["trials"]] == [told(t) for t in whole["trials"]]
    assert again["winner"]["metrics"] == whole["winner"]["metrics"]
    assert not list(out.rglob("run.json"))


def test_what_would_not_be_comparable_is_refused(
    config: FinetuneConfig, write: Any, tmp_path: Path
) -> None:
    train = write("train.jsonl", opinions(64, 0))
    config = config.model_copy(update={"train": train, "epochs": 1})
    refused = write("refused.jsonl", [{"text": "a cat", "label": 7}])
    with pytest.raises(InputError, match="refused"):  # found before any trial
        search("sentiment", config.model_copy(update={"test": refused}), space=SPACE)
    with pytest.raises(InputError, match="keep: last scores no epoch before the end"):
        search("sentiment", config.model_copy(update={"keep": "last"}), space=SPACE)
    assert not Path(config.out).exists()
    # No trial begins after the time is up.
    first = search("sentiment", config, space=SPACE, trials=5, minutes=1e-4)
    assert len(first["trials"]) == 1
    kept = records(config.out)
    with pytest.raises(InputError, match=r"begun with something else \(seeds: 1 → 2\)"):
        search("sentiment", config, space=SPACE, trials=1, seeds=2)
    with pytest.raises(InputError, match=r"space.batch_size: \[8, 16\] → \[8, 32\]"):
        plan_search("sentiment", config, space={**SPACE, "batch_size": [8, 32]})
    with pytest.raises(InputError, match=r"weight_decay: 0.01 → 0.5"):
        changed = config.model_copy(update={"weight_decay": 0.5})
        search("sentiment", changed, space=SPACE, trials=1)
    write("train.jsonl", opinions(65, 0))
    with pytest.raises(InputError, match=r"inputs.train.xxh3_128: \w+ → \w+.*\n.*--overwrite"):
        search("sentiment", config, space=SPACE, trials=2)
    assert records(config.out) == kept
    # Another test file is another winner, but the same search.
    write("train.jsonl", opinions(64, 0))
    other = config.model_copy(update={"test": write("other.jsonl", opinions(20, 9))})
    found = search("sentiment", other, space=SPACE, trials=1)
    assert records(config.out) == kept
    assert found["winner"]["metrics"]["test"] != first["winner"]["metrics"]["test"]
    begun_anew = search("sentiment", config, space=SPACE, trials=1, seeds=2, overwrite=True)
    assert len(begun_anew["best"]["scores"]) == 2
    assert begun_anew["best"]["score"] == sum(begun_anew["best"]["scores"]) / 2
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "letter.txt").write_text("dear")
    for overwrite, problem in ((False, "is not empty"), (True, "did not write")):
        with pytest.raises(InputError, match=problem):
            changed = config.model_copy(update={"out": str(foreign)})
            search("sentiment", changed, space=SPACE, overwrite=overwrite)


def test_hopeless_trials_end_early(config: FinetuneConfig) -> None:
    given = {"learning_rate": GOOD, "test": None}
    space = {"learning_rate": [IDLE, GOOD], "weight_decay": {"low": 0.01, "high": 0.02}}
    result = search("sentiment", config.model_copy(update=given), space=space, trials=10)
    ended = [trial for trial in result["trials"] if trial["state"] == "pruned"]
    assert ended
    assert {trial["values"]["learning_rate"] for trial in ended} == {IDLE}
    for trial in ended:
        assert trial["score"] is None and max(map(int, trial["reports"])) < 10
        assert f"after {max(map(int, trial['reports']))} tenths" in trial["reason"]
    assert result["default"]["state"] == "complete"
    assert list(result["winner"]["metrics"]) == ["validation"]


def _trial(number: int, score: float, **values: Any) -> Trial:
    reports = dict.fromkeys(range(1, 10), score)
    return Trial(number, values, values, "complete", score, [score], reports)


def test_proposals_follow_from_seed_number_and_what_came_before() -> None:
    space = {"learning_rate": Range(1e-5, 1e-3, log=True), "epochs": Range(1, 9)}
    rates = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3] * 4
    before = [
        _trial(n, 1 - abs(math.log10(rate / 1e-4)), learning_rate=rate, epochs=5)
        for n, rate in enumerate(rates)
    ]
    first, again = (Proposal(space, before, 3, 20).values for _ in range(2))
    assert first == again and first is not None
    others = [Proposal(space, before, 3, 21).values, Proposal(space, before, 4, 20).values]
    assert first not in others
    assert isinstance(first["epochs"], int)
    # It has learnt where the good ones lie; half of the space is that near to them.
    drawn = [
        (Proposal(space, before, seed, 20).values or {})["learning_rate"] for seed in range(40)
    ]
    assert sum(abs(math.log10(rate / 1e-4)) < 0.5 for rate in drawn) > 28
    assert all(1e-5 <= rate <= 1e-3 and float(f"{rate:.4g}") == rate for rate in drawn)
    hopeless = [Proposal(space, before, 3, 20).is_hopeless(*at) for at in ((5, -1.0), (5, 2.0))]
    assert hopeless == [True, False]
    assert not Proposal(space, before, 3, 20).is_hopeless(2, -1.0)  # too early to say
    assert not Proposal(space, before[:4], 3, 4).is_hopeless(5, -1.0)  # too few to compare with


def test_importance_says_which_setting_made_the_difference() -> None:
    space = {"learning_rate": Range(0.0, 1.0), "dropout": Choices((None, 0.1))}
    values = [(n * 0.37) % 1 for n in range(20)]
    trials = [
        _trial(n, rate, learning_rate=rate, dropout=(None, 0.1)[n % 3 == 0])
        for n, rate in enumerate(values)
    ]
    found = importance(space, trials)
    assert found is not None and list(found) == ["learning_rate", "dropout"]
    assert found["learning_rate"] > 0.8 and sum(found.values()) == pytest.approx(1, abs=1e-3)
    assert importance(space, trials[:9]) is None


def test_of_equal_trials_the_first_is_best() -> None:
    assert best_of([_trial(0, 0.5), _trial(1, 0.7), _trial(2, 0.7)]).number == 1
    with pytest.raises(InputError, match="no trial came to its end; the first: too fast"):
        best_of([Trial(0, {}, {}, "failed", reason="too fast")])


def test_without_the_library_it_says_how_to_get_it(
    config: FinetuneConfig, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'mlm-pretrain\[search\]'"):
        search("sentiment", config)
    assert not Path(config.out).exists()


def test_the_usual_space_lies_around_the_rules_choices(
    config: FinetuneConfig, bert: str, tmp_path: Path, write: Any
) -> None:
    free = FinetuneConfig(**config.model_dump(include={"model", "train", "validation", "out"}))
    found = plan_search("sentiment", free)["space"]
    assert found["learning_rate"] == {"low": 1e-4, "high": 2.5e-3, "log": True}
    assert found["epochs"] == [5, 10, 20] and found["batch_size"] == [8, 16, 32]
    assert "layer_decay" in found
    held = FinetuneConfig(**free.model_dump(exclude_unset=True), epochs=3, dropout=0.0)
    assert plan_search("sentiment", held)["space"].keys() == found.keys() - {"epochs", "dropout"}
    few = FinetuneConfig(**free.model_dump(exclude_unset=True), max_train_examples=16)
    assert plan_search("sentiment", few)["space"]["batch_size"] == [8, 16]
    writer = save_writer(tmp_path / "writer", "t5")
    rows = {"train": translations(40, 0), "validation": translations(9, 1)}
    paths = {split: write(f"{split}.jsonl", each) for split, each in rows.items()}
    facts = plan_search("translation", FinetuneConfig(model=writer, out=config.out, **paths))
    assert facts["space"].keys() == found.keys() - {"layer_decay"}
    assert facts["done"] == 0 and facts["first"]["best_by"] and not Path(config.out).exists()


def test_a_batch_that_does_not_fit_fails_its_trial_alone(
    config: FinetuneConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = FinetuneTrainer.compute_loss

    def asking(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if len(inputs["labels"]) > 8:
            torch.empty(1 << 50, dtype=torch.uint8)  # more than any system has
        return real(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(FinetuneTrainer, "compute_loss", asking)
    space = {"batch_size": [8, 16], "learning_rate": [GOOD, IDLE]}
    result = search("sentiment", config, space=space, trials=4)
    for trial in result["trials"]:
        is_large = trial["values"]["batch_size"] == 16
        assert (trial["state"] == "failed") == is_large
        assert is_large == ("out of memory with 16 rows at a time" in trial["reason"])
    assert {8, 16} == {trial["values"]["batch_size"] for trial in result["trials"]}
    large = config.model_copy(update={"batch_size": 16, "out": f"{config.out}-alone"})
    with pytest.raises(InputError, match=r"out of memory with 16 rows.*\n.*lower batch_size"):
        finetune("sentiment", large)
