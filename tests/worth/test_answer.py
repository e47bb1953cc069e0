"""Real fine-tunings: the answer, what it is made of, and that nothing is done twice."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from answers import COMMAND, COUNTS, MORE, SEEDS, SETTINGS, Answer

from mlm_pretrain.worth import Variant, plan, worth


def test_what_is_better_is_kept_and_the_copy_is_not(answer: Answer) -> None:
    found = answer.result
    assert (found["verdict"], found["keep"]["variant"]) == ("worth it", "DAPT")
    verdicts = {(c["family"], c["variant"]): c["verdict"] for c in found["comparisons"]}
    assert verdicts == {
        ("gain", "DAPT"): "better", ("gain", "other"): "not shown", ("domain", "DAPT"): "better",
    }  # fmt: skip
    copy = next(c for c in found["comparisons"] if c["variant"] == "other")
    assert (copy["difference"], copy["low"], copy["high"], copy["p_holm"]) == (0, 0, 0, 1)
    assert "other has the same weights as base." in found["cautions"]
    assert found["sentences"][1].endswith("it is the domain.")


def test_numbers_agree_with_the_runs(answer: Answer) -> None:
    found = answer.result
    of_task = found["tasks"]["opinions"]
    for name, scores in of_task["scores"].items():
        folders = [
            run["folder"]
            for run in found["runs"]
            if (run["variant"], run["labels"]) == (name, None)
        ]
        records = [json.loads((answer.out / f / "record.json").read_text()) for f in folders]
        for split in ("validation", "test"):
            assert scores[split] == [r["metrics"][split]["accuracy"] for r in records]
        assert scores["mean"] == pytest.approx(statistics.mean(scores["test"]))
    gain = found["comparisons"][0]
    means = {name: scores["mean"] for name, scores in of_task["scores"].items()}
    assert gain["difference"] == pytest.approx(means["DAPT"] - means["base"])
    assert gain["per_hour"]["gain"] == pytest.approx(gain["difference"] / 0.9)  # of 54 minutes
    validation = {name: scores["validation_mean"] for name, scores in of_task["scores"].items()}
    assert found["keep"]["validation_gains"]["DAPT"] == pytest.approx(
        validation["DAPT"] - validation["base"]
    )
    assert json.loads((answer.out / "worth.json").read_text()) == json.loads(json.dumps(found))


def test_everything_it_rests_on_is_named(answer: Answer) -> None:
    found = answer.result
    assert found["versions"]["torch"] and found["processors"][0]["cores"]
    data = found["tasks"]["opinions"]["data"]
    assert all(len(data[role]["xxh3_128"]) == 32 for role in ("train", "validation", "test"))
    contents = {name: variant["content_hash"] for name, variant in found["variants"].items()}
    assert contents["base"] == contents["other"] != contents["DAPT"]  # whatever they are called
    assert found["tasks"]["opinions"]["settings"]["max_train_examples"] == 32
    assert found["seeds"] == [0, 1, 2] and found["command"] == COMMAND
    assert len(found["runs"]) == 3 * 3 + 3 * 2  # few labels are for the base and the adapted one


def test_labels_of_a_gain(answer: Answer) -> None:
    found = answer.result["labels"]["opinions"]
    assert set(found["scores"]) == {"base", "DAPT"}
    assert set(found["scores"]["base"]) == {"16", "32"}
    assert (
        found["scores"]["base"]["32"]
        == answer.result["tasks"]["opinions"]["scores"]["base"]["test"]
    )
    reached = found["reached"]["DAPT"]  # it knows the task before it sees a label
    assert reached["at_most"] and reached["labels"] == reached["fewest"] == 16


def test_done_is_done_and_a_lost_run_is_made_again(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped in the middle of a run as by Ctrl-C, with one of the finished ones gone."""
    made = {path: path.stat().st_mtime_ns for path in answer.out.rglob("record.json")}
    lost = sorted(made)[4]
    lost.unlink()
    facts = plan(answer.variants, [answer.task], answer.out, SEEDS, SETTINGS, label_counts=COUNTS)
    assert (facts["runs"], facts["kept"], facts["comparisons"]) == (
        15,
        14,
        {"gain": 2, "domain": 1},
    )
    assert facts["seconds_left"] > 0

    from mlm_pretrain.finetune.loop import ShowProgress

    def interrupt(*arguments: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    again = (answer.variants, [answer.task], answer.out, SEEDS, SETTINGS)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ShowProgress, "on_step_end", interrupt)
        worth(*again, **MORE)
    assert "14 of 15 runs are kept" in capsys.readouterr().err
    found = worth(*again, **MORE)
    now = {path: path.stat().st_mtime_ns for path in answer.out.rglob("record.json")}
    assert [path for path in made if now[path] != made[path]] == [lost]
    timed = ("seconds", "written_at", "runs", "variants")
    assert all(found[k] == v for k, v in answer.result.items() if k not in timed)


def test_without_a_control_or_a_test_file_it_says_what_is_open(
    three: list[Variant], answer: Answer, tmp_path: Path
) -> None:
    """The copy is put as if it had been adapted: nothing is shown, and the base is kept."""
    base, _, copy = three
    settings = {**SETTINGS, "test": None, "epochs": 1}
    given = [base, Variant("copy", copy.model)]
    found = worth(given, [answer.task], tmp_path, 2, settings)
    assert (found["verdict"], found["keep"]["variant"]) == ("not shown", "base")
    assert found["comparisons"][0]["settling"] == "no difference to settle"
    cautions = " ".join(found["cautions"])
    assert "opinions has no test file" in cautions and "2 seeds: with fewer than 5" in cautions
    assert found["tasks"]["opinions"]["scored"] == "validation"
    assert found["families"].keys() == {"gain"} and found["comparisons"][0]["per_hour"] is None
    assert not math.isnan(found["comparisons"][0]["p_value"])
