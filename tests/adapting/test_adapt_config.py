"""What an adaptation is asked for: models, lengths, and what cannot be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small import write_rows
from transformers import AutoConfig

from mlm_pretrain.__main__ import spread_lists
from mlm_pretrain.adapting import AdaptConfig, adapt
from mlm_pretrain.adapting.card import command_of
from mlm_pretrain.adapting.folder import opened
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.runs import run_settings
from mlm_pretrain.adapting.tasks import task_of
from mlm_pretrain.adapting.variants import length_of, variants_of
from mlm_pretrain.cli import app
from mlm_pretrain.config import build_config, load_config
from mlm_pretrain.domain.loss import objective_for
from mlm_pretrain.errors import InputError
from mlm_pretrain.evaluation.statistics import check_kind

RECIPES = Path(__file__).parents[2] / "recipes" / "domain_adaptation"
TASK = {"task": "ner", "train": "a", "validation": "b", "test": "c"}


def config(**more: Any) -> AdaptConfig:
    given = {"model": "m", "corpus": ["text"], "out": "out", **more}
    return build_config(AdaptConfig, given, "settings")


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_says_what_is_proved(recipe: Path) -> None:
    found = load_config(AdaptConfig, recipe)
    assert variants_of(found)[0].name == "dapt"
    assert "control" in found.chosen_variants
    assert found.seeds >= 5
    for variant in variants_of(found):
        run_settings(found, variant, Places(Path(found.out)), found.model)
    for name in ("train", "validation", "test"):
        assert str(getattr(found, name)).startswith("data/")


def test_without_a_task_only_the_domain_is_learnt() -> None:
    assert [v.name for v in variants_of(config())] == ["dapt"]


def test_all_that_the_settings_allow_each_behind_what_it_goes_on_from() -> None:
    found = variants_of(config(**TASK, control=["other"]))
    assert [v.name for v in found] == ["dapt", "tapt", "dapt+tapt", "control"]
    assert [v.data for v in found] == ["domain", "task-base", "task", "control-base"]


def test_what_a_model_goes_on_from_is_made_too() -> None:
    found = variants_of(config(**TASK, variants=["dapt+tapt"]))
    assert [v.name for v in found] == ["dapt", "dapt+tapt"]


def test_lengths_are_those_given_and_a_share_for_the_tasks_own_texts() -> None:
    by_steps = config(**TASK, steps=200, own_text_share=0.1)
    assert [length_of(by_steps, v.share) for v in variants_of(by_steps)] == [
        {"steps": 200}, {"steps": 20}, {"steps": 20},
    ]  # fmt: skip
    assert length_of(config()) == {"minutes": 30.0}
    assert length_of(config(minutes=7.0)) == {"minutes": 7.0}


def test_a_run_begins_from_the_checkpoint_or_follows() -> None:
    asked = config(**TASK, pretrain={"learning_rate": 2e-4}, seed=3)
    places = Places(Path("out"))
    dapt, tapt, both = (run_settings(asked, v, places, "m") for v in variants_of(asked))
    assert (dapt.init, dapt.follows, dapt.seed, dapt.learning_rate) == ("m", None, 3, 2e-4)
    assert (tapt.init, tapt.data) == ("m", "out/data/task-base")
    assert (both.init, both.follows) == (None, dapt.out)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"minutes": 1.0, "steps": 2}, "minutes or steps"),
        ({"train": "f"}, "give task"),
        ({"task": "ner", "train": "f"}, "validation"),
        ({"variants": ["tapt"]}, "give task"),
        ({"variants": ["control"]}, "give control"),
        ({"variants": ["control"], "control": ["other"]}, "none is adapted"),
        ({"variants": []}, "none is adapted"),
        ({"pretrain": {"steps": 5}}, "pretrain.steps"),
        ({"prepare": {"validation_corpus": ["x"]}}, "prepare.validation_corpus"),
        ({**TASK, "finetune": {"seed": 5}}, "finetune.seed"),
        ({"word": 5}, "did you mean 'words'"),
        ({"words": -1}, "words"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(more: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as refused:
        config(**more)
    assert says in str(refused.value)


@pytest.mark.parametrize("length", [128, 512])
@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_command_on_a_card_asks_for_the_same(recipe: Path, length: int) -> None:
    from typer.testing import CliRunner  # the parser alone: nothing is run

    more = ["pretrain.lora={rank: 4}", "pretrain.compile=false", f"prepare.max_length={length}"]
    given = load_config(AdaptConfig, recipe, more)
    seen: list[AdaptConfig] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("mlm_pretrain.adapting.plan", lambda settings: seen.append(settings) or {})
        patched.setattr("mlm_pretrain.cli.adapt_report.planned_lines", lambda facts: [])
        words = [*command_of(given)[1:], "--dry-run"]
        done = CliRunner().invoke(app, spread_lists(words))
    assert done.exit_code == 0, done.output
    assert seen == [given]
    assert (f"prepare.max_length={length}" in words) == (length == 512)


def test_what_is_no_setting_of_a_training_is_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    given = {"model": str(tmp_path / "base"), "out": str(tmp_path / "out")}
    with pytest.raises(InputError, match="did you mean 'learning_rate'"):
        adapt(config(**given, pretrain={"learning_rat": 1e-4}))
    assert not (tmp_path / "out").exists()


def test_a_folder_is_gone_on_with_only_under_the_same_settings(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with opened(config(out=out, minutes=9.0), overwrite=False) as places:
        (places.root / "texts").mkdir()
    with opened(config(out=out), overwrite=False) as places:  # measured alone: it may still change
        (places.root / "runs").mkdir()
    changed = config(out=out, seeds=9, examples=0)  # more of the proof, less on the card
    with opened(changed, overwrite=False) as places:
        assert (places.root / "texts").is_dir()
    with (
        pytest.raises(InputError, match=r"minutes: left out → 3\.0"),
        opened(config(out=out, minutes=3.0), overwrite=False),
    ):
        pass
    with opened(config(out=out, minutes=3.0), overwrite=True) as places:
        assert not (places.root / "texts").exists()


def test_other_rows_are_other_settings_also_where_one_length_is_a_default(tmp_path: Path) -> None:
    """128 tokens of an adaptation, 512 of `prepare`."""
    out = str(tmp_path / "out")
    with opened(config(out=out), overwrite=False) as places:
        (places.root / "runs").mkdir()
    for prepare in ({"max_length": 512}, {"max_length": 512, "seed": 0}):
        with (
            pytest.raises(InputError, match=r"prepare.max_length: 128 → 512\)"),
            opened(config(out=out, prepare=prepare), overwrite=False),
        ):
            pass
    with opened(config(out=out, prepare={"max_length": 128}), overwrite=False):
        pass


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(InputError, match="did not write"),
        opened(config(out=str(tmp_path)), overwrite=True),
    ):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("family", "head", "objective"),
    [("gpt2", "GPT2LMHeadModel", "clm"), ("bert", "BertForMaskedLM", "mlm"),
     ("bert", "BertModel", "replaced"), ("gpt2", "GPT2Model", "mlm")],
)  # fmt: skip
def test_it_is_trained_as_its_head_was(
    family: str, head: str, objective: str, tmp_path: Path
) -> None:
    AutoConfig.for_model(family, architectures=[head]).save_pretrained(tmp_path)
    assert objective_for(tmp_path) == objective
    masking = {"objective_settings": {"ratio": 0.3}}
    assert objective_for(tmp_path, masking) == objective.replace("replaced", "mlm")
    asked, places = config(**TASK), Places(tmp_path / "out")
    first, *_, last = variants_of(asked)
    found = run_settings(asked, first, places, str(tmp_path), objective)
    assert found.objective == objective
    assert run_settings(asked, last, places, "", objective).objective == objective


def test_rows_are_as_long_as_the_model_takes() -> None:
    """And the settings of an adaptation that nobody gave a length are those that they were."""
    plain = {"model": "m", "corpus": ["c"], "out": "o"}

    def lengths(most: int, **prepare: int) -> int:
        given = {"prepare": prepare} if prepare else {}
        return AdaptConfig(**plain, **given).with_length(most).prepare.max_length  # type: ignore[arg-type]

    assert [lengths(most) for most in (64, 128, 512)] == [64, 128, 128]
    assert [lengths(most, processes=1) for most in (64, 512)] == [64, 128]
    assert lengths(64, max_length=256) == 256  # refused where it does not fit, and not changed
    config = AdaptConfig(**plain)  # type: ignore[arg-type]
    assert "prepare" not in config.with_length(512).model_dump(exclude_defaults=True)


def test_what_changes_no_weight_may_change_between_two_calls(tmp_path: Path) -> None:
    out, first = str(tmp_path / "out"), {"learning_rate": 1e-4, "on_spike": "skip"}
    with opened(config(out=out, pretrain=first), overwrite=False) as places:
        (places.root / "runs").mkdir()
    later = {"learning_rate": 1e-4, "workers": 0, "checkpoint_minutes": 2.0, "keep_checkpoints": 5}
    with opened(config(out=out, pretrain=later), overwrite=False) as places:
        assert (places.root / "runs").is_dir()
    with (
        pytest.raises(InputError, match=r"settings \(pretrain.learning_rate: 0.0001 → 0.0002\)"),
        opened(config(out=out, pretrain={**later, "learning_rate": 2e-4}), overwrite=False),
    ):
        pass


def test_the_folder_is_looked_at_before_a_checkpoint_is_fetched(tmp_path: Path) -> None:
    """Of which there is none here; and nothing is touched."""
    thesis = tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    for out, overwrite, says in (
        (tmp_path, False, "is not empty"),
        (tmp_path, True, "did not write"),
        (thesis, False, "is a file"),
        (thesis / "out", False, "cannot be made"),
    ):
        with pytest.raises(InputError, match=says):
            adapt(config(model="nobody/nothing", out=str(out)), overwrite=overwrite)
    ours = tmp_path / "ours"
    with opened(config(model="nobody/nothing", out=str(ours)), overwrite=False) as places:
        (places.root / "runs").mkdir()
    with pytest.raises(InputError, match="other settings"):
        adapt(config(model="nobody/nothing", out=str(ours), seed=1))
    with pytest.raises(InputError, match="nobody/nothing: no such folder"):
        adapt(config(model="nobody/nothing", out=str(ours), seed=1), overwrite=True)
    assert (ours / "runs").is_dir() and thesis.read_text() == "years of work"


def test_the_task_is_called_as_the_folder_of_its_training_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "films" / "inner").mkdir(parents=True)
    for split in ("train", "validation"):
        write_rows(
            tmp_path / "films" / f"{split}.jsonl", [{"text": "a", "label": n} for n in (0, 1)]
        )
    for place, folder, called in (
        ("films/inner", "../", "films"),
        ("films", "inner/../", "films"),
        ("films", "", "sentiment"),
    ):
        monkeypatch.chdir(tmp_path / place)
        files = {split: f"{folder}{split}.jsonl" for split in ("train", "validation")}
        found = task_of(config(task="sentiment", **files))
        assert found is not None and found.name == called


def test_the_kinds_of_task_that_are_named_can_be_proved() -> None:
    with pytest.raises(InputError, match="--task sentimental: no such kind") as refused:
        task_of(config(task="sentimental", train="a", validation="b"))
    kinds = refused.value.way_out.removeprefix("one of ").split(", ")
    assert "ner" in kinds
    for kind in kinds:
        check_kind(kind)
