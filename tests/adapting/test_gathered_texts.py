"""What is trained on and what is measured by: without the task's held-out texts, and whatever was killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import package_process
import pytest
import yaml
from small import mentions_task, settings, write_documents, write_rows

from mlm_pretrain.adapting.folder import opened
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.rows import pack_all
from mlm_pretrain.adapting.splitting import HELD_OUT_SHARE
from mlm_pretrain.adapting.tasks import task_of
from mlm_pretrain.adapting.texts import gather_texts
from mlm_pretrain.corpus import Document
from mlm_pretrain.corpus.split import is_validation
from mlm_pretrain.corpus.writing import read_texts
from mlm_pretrain.errors import InputError
from mlm_pretrain.manifest import UNFINISHED, read_manifest

OTHERS = ("general", "control")


def gathered(folder: Path, **more: Any) -> tuple[dict[str, Any], Places]:
    config = settings(folder, "base", **more)
    (folder / "out").mkdir(exist_ok=True)
    places = Places(folder / "out")
    return gather_texts(config, task_of(config), places), places


def test_held_out_texts_are_in_no_text_that_is_trained_on(
    texts: list[str], base: Path, tmp_path: Path
) -> None:
    """The domain's, general text and that of the control, and what is packed of it."""
    task = mentions_task(tmp_path)
    rows = [json.loads(line) for line in Path(task["test"]).read_text().splitlines()]
    planted = " ".join(max((row["tokens"] for row in rows), key=len))
    given = {}
    for number, name in enumerate(("domain", *OTHERS)):
        own = texts[5 * number : 5 * number + 5]
        documents = [*own[2:], f"{own[0]}\n\n{planted}.\n\n{own[1]}"]
        given[name] = [write_documents(tmp_path / f"{name}.jsonl", documents)]
    given["corpus"] = given.pop("domain")
    found, places = gathered(tmp_path, **task, **given)
    written = {path.stem: list(read_texts(path)) for path in places.texts.glob("*.jsonl")}
    assert written.keys() == {
        "domain-train", "domain-validation", "general-train", "general-validation", "control-train",
        "task-train",
    }  # fmt: skip
    assert not any(planted in text for of in written.values() for text in of)
    assert texts[12] in written["control-train"]
    for overlap in (found["overlap"], *(found[name]["overlap"] for name in OTHERS)):
        assert overlap["corpus"]["documents_with_overlap"] == 1
        assert overlap["corpus"]["documents"] == 4
    rows_of = pack_all(settings(tmp_path, base, **task, **given), places, str(base), False)
    assert rows_of["control-base"]["train"]["documents"] == 4
    for name in rows_of.keys() - {"task", "task-base"}:
        text = name.removesuffix("-base")
        inputs = read_manifest(places.data(name), "prepare").inputs
        assert inputs["corpus"]["path"] == [str(places.learnt(text))]


def test_text_of_which_nothing_is_left_is_named(texts: list[str], tmp_path: Path) -> None:
    task = mentions_task(tmp_path)
    rows = [json.loads(line) for line in Path(task["test"]).read_text().splitlines()]
    write_documents(tmp_path / "domain.jsonl", texts[:3])
    other = write_documents(tmp_path / "other.jsonl", [" ".join(row["tokens"]) for row in rows])
    for name in OTHERS:
        with pytest.raises(InputError, match=f"{name} text: .*nothing is left"):
            gathered(tmp_path, **task, **{name: [other]})
        assert not (tmp_path / "out" / "texts" / "domain-train.jsonl").exists()


def split_of(folder: Path, documents: list[str], **more: Any) -> tuple[list[str], list[str]]:
    """What of the domain's text is trained on, and what is held back."""
    write_documents(folder / "domain.jsonl", documents)
    found, places = gathered(folder, **more)
    parts = [list(read_texts(places.texts / f"domain-{s}.jsonl")) for s in ("train", "validation")]
    for part, name in zip(parts, ("train", "validation"), strict=True):
        size = {"documents": len(part), "bytes": sum(len(text.encode()) for text in part)}
        assert found["domain"][name] == size
    assert (places.held_out("domain") is None) == (not parts[1])
    return parts[0], parts[1]


def test_of_few_documents_one_is_held_back_all_the_same(
    texts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def is_held_out(text: str, share: float, seed: int = 0) -> bool:
        return is_validation(Document(text, ""), share, seed)

    few = [text for text in texts if not is_held_out(text, HELD_OUT_SHARE)][:20]
    learnt, held_out = split_of(tmp_path, few)
    assert learnt == [text for text in few if text not in held_out]
    share = next(s / 1000 for s in range(1000) if any(is_held_out(t, s / 1000) for t in few))
    assert held_out == [text for text in few if is_held_out(text, share)]
    for pair in (few[:2], few[1::-1]):  # in whatever order
        assert [len(part) for part in split_of(tmp_path, pair)] == [1, 1]
    learnt, held_out = split_of(tmp_path, [few[0], few[1], few[0]])
    assert {len(learnt), len(held_out)} == {1, 2} and not set(learnt) & set(held_out)
    assert "none can be held back" not in capfd.readouterr().err
    seeds = [next(n for n in range(999) if is_held_out(few[0], HELD_OUT_SHARE, n)), 0]
    for seed in seeds:
        assert split_of(tmp_path, few[:1], seed=seed) == (few[:1], [])
        assert "domain text: one document, of which none" in capfd.readouterr().err


@pytest.mark.fault("killed-mid-step")
def test_killed_while_texts_are_gathered_the_same_command_goes_on(
    texts: list[str], base: Path, tmp_path: Path
) -> None:
    """What was to replace texts or rows, when it was killed, is gone then too."""
    write_documents(tmp_path / "domain.jsonl", texts)
    config = settings(tmp_path, base, **mentions_task(tmp_path))
    path, out = tmp_path / "recipe.yaml", tmp_path / "out"
    given = config.model_dump(mode="json", exclude_defaults=True)
    path.write_text(yaml.safe_dump(given), encoding="utf-8")
    command = ["-m", "mlm_pretrain", "adapt", "--config", str(path), "--dry-run"]
    file = out / "texts" / "domain-train.jsonl"
    done = package_process.signal_when(command, file.exists, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL
    assert not (out / "texts" / "manifest.json").exists()
    for place in (out / "texts.new", out / "data" / "domain.new"):
        place.mkdir(parents=True)
        (place / UNFINISHED).touch()
        (place / "domain-train.jsonl").touch()
    with opened(config, overwrite=False) as places:
        found = gather_texts(config, task_of(config), places)
    splits = ("train", "validation")
    assert sum(found["domain"][split]["documents"] for split in splits) == len(texts)
    assert not list(out.rglob("*.new")) and not list(out.rglob(UNFINISHED))


SECRET = "The quick heron of the northern lakes eats nothing but small silver fish on Sundays."


def trained_on(places: Places) -> list[str]:
    return [text for path in places.texts.glob("*-train.jsonl") for text in read_texts(path)]


def test_texts_are_gathered_anew_when_the_task_is_read_otherwise(
    texts: list[str], tmp_path: Path
) -> None:
    """By another field, and with a file more, of a data set whose commit nobody knows."""
    corpus = write_documents(tmp_path / "domain.jsonl", [*texts[:6], f"{texts[6]}\n\n{SECRET}"])
    rows = {"text": "short", "sentence": SECRET, "label": 1}
    labelled = [{**rows, "sentence": f"{n} is no such text", "label": n % 2} for n in range(20)]
    task = {"task": "sentiment"}
    for name, of in (("train", labelled), ("validation", [rows, *labelled])):
        task[name] = write_rows(tmp_path / f"{name}.jsonl", of)
    (tmp_path / "set").mkdir()
    write_rows(tmp_path / "set" / "test.jsonl", [{"text": SECRET, "label": 1}])
    found, places = gathered(tmp_path, corpus=[corpus], **task)
    assert any(SECRET in text for text in trained_on(places))
    gathered(tmp_path, corpus=[corpus], **task, finetune={"text_field": "sentence"})
    assert not any(SECRET in text for text in trained_on(places))
    gathered(tmp_path, corpus=[corpus], **task)
    assert any(SECRET in text for text in trained_on(places))
    found, _ = gathered(tmp_path, corpus=[corpus], **task, test=f"hf:{tmp_path / 'set'}@test")
    assert found["overlap"]["texts"]["test"]["found"] == 1
    assert not any(SECRET in text for text in trained_on(places))


def test_texts_of_a_data_set_without_a_known_commit_are_gathered_again(
    texts: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    corpus = write_documents(tmp_path / "domain.jsonl", [*texts[:6], f"{texts[6]}\n\n{SECRET}"])
    task = mentions_task(tmp_path)
    (tmp_path / "set").mkdir()
    task["test"] = f"hf:{tmp_path / 'set'}@test"
    row = {"tokens": ["a", "house"], "ner_tags": ["O", "O"]}
    for tokens in (["a", "house"], SECRET.split()):
        rows = [row, {"tokens": tokens, "ner_tags": ["O"] * len(tokens)}]
        write_rows(tmp_path / "set" / "test.jsonl", rows)
        found, _ = gathered(tmp_path, corpus=[corpus], **task)
    assert found["overlap"]["texts"]["test"]["found"] == 1
    assert "made again, for nobody says whether hf:" in capfd.readouterr().err
