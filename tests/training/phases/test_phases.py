"""What phases are made of: lengths, rates, positions, a record; and what is wrong is said before any work."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import phased
import pytest
from transformers import AutoConfig, AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.manifest import read_manifest, verify
from mlm_pretrain.training.phases import Phase, plan_phases, pretrain_phases
from mlm_pretrain.training.phases.config import resolve
from mlm_pretrain.training.pretrain import PretrainConfig

FIRST, SECOND = phased.RUNS


def test_the_longest_rows_have_room_from_the_first_step(whole: Path) -> None:
    sizes = [AutoConfig.from_pretrained(whole / run / "model") for run in phased.RUNS]
    assert [size.max_position_embeddings for size in sizes] == [128, 128]


def test_the_rate_rises_once_and_falls_once(whole: Path) -> None:
    rates = [line["learning_rate"] for run in phased.RUNS for line in phased.log(whole / run)]
    peak = phased.SETTINGS["learning_rate"]
    assert rates[0] < peak
    assert rates[1 : phased.FIRST + 1] == [peak] * phased.FIRST
    falling = [peak * (1 - step / phased.SECOND) for step in range(phased.SECOND)]
    assert rates[phased.FIRST :] == pytest.approx(falling)


def test_the_record_and_the_model_tell_of_all_phases(whole: Path, tmp_path: Path) -> None:
    manifest = read_manifest(whole, "phases")
    verify(whole, manifest)
    assert list(manifest.config["phases"]) == list(phased.RUNS)
    assert manifest.counts["steps"] == phased.FIRST + phased.SECOND
    parts = manifest.counts["phases"]
    assert manifest.counts["tokens"] == sum(part["tokens"] for part in parts.values())
    assert read_manifest(whole / SECOND, "pretrain").inputs["followed"]["path"].endswith(FIRST)
    exported = export(whole, tmp_path / "model")
    assert exported["source"] == str(whole / SECOND / "model")
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "Trained from scratch (informed start)" in card
    assert "| arch | bert:2x64 |" in card
    assert f"| short | {phased.FIRST} | {parts[FIRST]['tokens']} | 64 | mlm | 0.3 |" in card
    assert f"| long | {phased.SECOND} | {parts[SECOND]['tokens']} | 128 | mlm | 0.15 |" in card
    told = read_manifest(tmp_path / "model", "export").config["phases"]
    assert [part["config"]["masking"]["ratio"] for part in told] == [0.3, 0.15]
    assert str(whole) not in card + json.dumps(told)
    assert AutoTokenizer.from_pretrained(tmp_path / "model").model_max_length == 128


def test_a_plan_has_every_phase_and_their_sum(
    prepared: Path, long_rows: Path, tmp_path: Path
) -> None:
    settings = phased.config(prepared, tmp_path / "run", learning_rate=0.0)
    planned = plan_phases(settings, phased.phases(long_rows))
    short, long = planned["phases"]["short"], planned["phases"]["long"]
    assert [short["steps"], long["steps"], planned["steps"]] == [14, 10, 24]
    assert planned["minutes"] == pytest.approx(short["minutes"] + long["minutes"], abs=0.01)
    assert planned["parameters"] == short["parameters"] == long["parameters"]
    assert [short["max_length"], long["max_length"]] == [64, 128]
    assert long["learning_rate"] == short["learning_rate"] > 0
    assert not (tmp_path / "run").exists()


def test_phases_that_are_begun_stay_and_those_to_come_may_change(
    prepared: Path, long_rows: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole / FIRST, out / FIRST)
    shutil.copyfile(whole / "phases.json", out / "phases.json")
    short, long = phased.phases(long_rows, optimizer_state="fresh")

    def refused(parts: list[Phase], **changes: Any) -> str:
        with pytest.raises(InputError) as caught:
            pretrain_phases(phased.config(prepared, out, **changes), parts, resume=True)
        return str(caught.value)

    for parts, changes in (([short, long], {"seed": 4}), ([short, long], {"optimizer": "adamw"})):
        said = refused(parts, **changes)
        assert f"{out / FIRST}: was begun with other settings: {next(iter(changes))}: " in said
        assert "those to come may change" in said
    assert "steps: 14 → 15" in refused([short.model_copy(update={"steps": 15}), long])
    renamed = refused([short.model_copy(update={"name": "brief"}), long])
    assert f"{out / FIRST}: is a phase that the settings do not name" in renamed
    moved = short.model_copy(update={"pretrain": {**short.pretrain, "data": str(long_rows)}})
    assert "data: content" in refused([moved, long])
    more = [short, long.model_copy(update={"steps": 2}), Phase(name="end", steps=1)]
    settings = phased.config(prepared, out, checkpoint_minutes=10.0)
    result = pretrain_phases(settings, more, resume=True)
    assert [part["name"] for part in result["phases"]] == [FIRST, SECOND, "3-end"]
    with pytest.raises(InputError, match="is not empty"):
        pretrain_phases(settings, more)


def length(phase: PretrainConfig) -> tuple[Any, Any, Any]:
    return phase.steps, phase.epochs, phase.minutes


def resolved(shared: dict[str, Any], *phases: dict[str, Any]) -> list[PretrainConfig]:
    return resolve(PretrainConfig(out="run", **shared), [Phase(**phase) for phase in phases])


def test_a_length_is_shared_out() -> None:
    parts = [{"name": "a", "share": 0.9}, {"name": "b", "share": 0.1}]
    assert [length(c) for c in resolved({"steps": 25}, *parts)] == [
        (22, None, None),
        (3, None, None),
    ]
    assert [c.minutes for c in resolved({"minutes": 20.0}, *parts)] == [18.0, 2.0]
    own = resolved({}, {"name": "a", "epochs": 2.0}, {"name": "b", "minutes": 1.0})
    assert [length(c) for c in own] == [(None, 2.0, None), (None, None, 1.0)]


def test_each_phase_has_its_own_over_what_all_share() -> None:
    shared = {
        "arch": "bert-tiny", "weight_decay": 0.2, "warmup_share": 0.2, "decay_share": 0.3,
        "masking": {"ratio": 0.4, "unit": "word"}, "objective_settings": {"parts": 4},
        "objective": "order",
    }  # fmt: skip
    a, b, c = resolved(
        shared,
        {"name": "a", "steps": 1},
        {"name": "b", "steps": 1, "pretrain": {"masking": {"ratio": 0.2}, "decay_share": 0.1}},
        {"name": "c", "steps": 1, "pretrain": {"objective": "mlm"}},
    )
    assert [(x.warmup_share, x.decay_share) for x in (a, b, c)] == [
        (0.2, 0.0),
        (0.0, 0.1),
        (0.0, 0.3),
    ]
    assert [(x.masking.ratio, x.masking.unit) for x in (a, b)] == [(0.4, "word"), (0.2, "word")]
    assert [x.objective_settings for x in (a, b, c)] == [{"parts": 4}, {"parts": 4}, {}]
    assert [x.arch for x in (a, b, c)] == ["bert-tiny", None, None]
    folders = [str(Path("run", name)) for name in ("1-a", "2-b", "3-c")]
    assert [x.out for x in (a, b, c)] == folders
    assert [x.follows for x in (a, b, c)] == [None, *folders[:2]]


A = {"name": "a", "steps": 1}
WRONG: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "none": ({}, [], "phases: there are none"),
    "twice": ({}, [A, A], "two are called a"),
    "no length": ({}, [{"name": "a"}], "phases.a: needs one of steps, epochs and minutes, and has none"),
    "two lengths": ({}, [{**A, "epochs": 1.0}], "has steps and epochs"),
    "length of all": ({"steps": 5}, [A], "pretrain.steps: would do nothing"),
    "a share of nothing": ({}, [{"name": "a", "share": 1.0}], "shares of no length"),
    "too large shares": (
        {"steps": 5},
        [{"name": "a", "share": 0.9}, {"name": "b", "share": 0.2}],
        "the shares add up to 1.1",
    ),
    "a share beside steps": ({"steps": 5}, [A, {"name": "b", "share": 0.2}], "phases.b.share"),
    "too few steps": (
        {"steps": 1},
        [{"name": "a", "share": 0.9}, {"name": "b", "share": 0.1}],
        "1 steps leave none for a phase",
    ),
    "another model": ({}, [{**A, "pretrain": {"arch": "bert-tiny"}}], "give pretrain.arch"),
    "a length too deep": ({}, [{**A, "pretrain": {"minutes": 1.0}}], "give phases.a.minutes"),
    "misspelt": (
        {},
        [{**A, "pretrain": {"batch_sze": 1}}],
        "phases.a.pretrain: unknown setting 'batch_sze' (did you mean 'batch_size'?)",
    ),
    "a state of nothing": (
        {},
        [{**A, "pretrain": {"optimizer_state": "fresh"}}],
        "phases.a.pretrain: optimizer_state is that of another run",
    ),
}  # fmt: skip


@pytest.mark.fault("unknown-setting")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_named(name: str) -> None:
    shared, phases, message = WRONG[name]
    with pytest.raises(InputError) as caught:
        resolved(shared, *phases)
    assert message in str(caught.value)


def test_what_stops_a_later_phase_is_found_before_the_first(
    prepared: Path,
    long_rows: Path,
    few_rows: Path,
    tiny_run: Path,
    tokenizer_folders: dict[str, Path],
    tmp_path: Path,
) -> None:
    from mlm_pretrain.packing import PrepareConfig, prepare

    def refused(**changes: Any) -> str:
        settings = phased.config(prepared, tmp_path / "run")
        with pytest.raises(InputError) as caught:
            pretrain_phases(settings, phased.phases(long_rows, **changes))
        assert not (tmp_path / "run").exists()
        return str(caught.value)

    with pytest.raises(InputError, match="128 > 64"):
        parts = phased.phases(long_rows)
        settings = phased.config(prepared, tmp_path / "run", arch=None, follows=str(tiny_run))
        pretrain_phases(settings, parts)
    assert "no manifest.json" in refused(data=str(tmp_path / "none"))
    assert "phases.long: the " in refused(data=str(few_rows), batch_size=5000)
    assert "clm of long trains another kind of model than mlm of short" in refused(objective="clm")
    assert "objective_settings" in refused(objective="order", objective_settings={"part": 3})
    (tmp_path / "text.txt").write_text("a line of text that is long enough\n" * 40)
    config = PrepareConfig(max_length=64, validation_share=0.0, processes=1)
    prepare([str(tmp_path / "text.txt")], tokenizer_folders["bpe"], tmp_path / "other", config)
    assert "prepared with another tokenizer" in refused(data=str(tmp_path / "other"))
