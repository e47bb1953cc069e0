"""Runs of an adaptation whose text or tokenizer is not what most have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from small import mentions_task, settings, write_documents
from tiny_problems import mentions, opinions
from transformers import BertModel

from mlm_pretrain.adapting import adapt, plan
from mlm_pretrain.adapting.config import AdaptConfig
from mlm_pretrain.adapting.folder import opened
from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.rows import pack_all
from mlm_pretrain.adapting.runs import require_batches, run_settings, train_variant
from mlm_pretrain.adapting.texts import gather_texts
from mlm_pretrain.adapting.variants import variants_of
from mlm_pretrain.adapting.vocabulary import extended
from mlm_pretrain.errors import InputError
from mlm_pretrain.training.run_folder import read_run

WORDS = 12


def test_a_control_gets_as_much_general_text_and_one_document_of_it_is_enough(
    texts: list[str], base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is held out of one document, so nothing is measured on it, and no share is raised. A rate for
    new rows has no effect where there are none."""
    write_documents(tmp_path / "domain.jsonl", [*texts[:6], texts[0]])
    general = write_documents(tmp_path / "general.jsonl", ["\n\n".join(texts[6:12])])
    control = write_documents(tmp_path / "control.jsonl", texts[12:18])
    config = settings(
        tmp_path, base, general=[general], control=[control], replay_share=0.25,
        read={"drop_duplicates": True},
        pretrain={"batch_size": 8, "precision": "fp32", "attention": "masks", "new_rows_rate": 5.0},
    )  # fmt: skip
    result = adapt(config)
    assert "general text: one document, of which none" in capfd.readouterr().err
    assert result["variants"].keys() == {"dapt", "control"}
    for run in result["variants"].values():
        assert run["replay"]["rows"] == 4 and run["replay"]["domain_rows"] == 12
        assert run["replay"]["share"] == run["replay"]["share_at_end"] == 0.25
        assert "forgetting" not in run
    assert result["losses"]["dapt"].keys() == {"domain"}
    places = Places(tmp_path / "out")
    replayed = {n: read_run(places.run(n))["config"]["replay"]["data"] for n in ("dapt", "control")}
    assert replayed == {
        "dapt": str(places.data("general")), "control": str(places.data("general-base")),
    }  # fmt: skip
    card = (places.model / "README.md").read_text("utf-8")
    assert "| while domain text was read: exact duplicate | 1 |" in card


def test_the_control_is_mixed_with_general_text_and_not_guarded(tmp_path: Path) -> None:
    task = {"task": "ner", "train": "a", "validation": "b", "test": "c"}
    config = settings(
        tmp_path, "m", **task, general=["g"], control=["c"], guard_action="replay",
        pretrain={"new_rows_rate": 5.0},
    )  # fmt: skip
    places = Places(tmp_path)
    places.texts.mkdir()
    (places.texts / "general-validation.jsonl").write_text("{}\n")
    runs = {v.name: run_settings(config, v, places, "m") for v in variants_of(config)}
    shares = {name: run.replay and run.replay.share for name, run in runs.items()}
    assert shares == {"dapt": 0.2, "tapt": None, "dapt+tapt": None, "control": 0.2}
    assert [name for name, run in runs.items() if run.guard is not None] == ["dapt"]
    rates = {name: run.new_rows_rate for name, run in runs.items()}
    assert rates == {"dapt": 5.0, "tapt": 1.0, "dapt+tapt": 5.0, "control": 1.0}
    none = config.model_copy(update={"replay_share": 0.0})
    again = {v.name: run_settings(none, v, places, "m") for v in variants_of(none)}
    assert again["control"].replay is None and again["dapt"].replay is not None


def test_a_checkpoint_without_a_head_finds_replaced_tokens_unguarded_and_all_else_holds(
    texts: list[str], base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With words of the domain, its task's own text after it, and the proof."""
    encoder = shutil.copytree(base, tmp_path / "encoder")
    BertModel.from_pretrained(base).save_pretrained(encoder)
    write_documents(tmp_path / "domain.jsonl", texts[:30])
    general = write_documents(tmp_path / "general.jsonl", texts[30:50])
    config = settings(
        tmp_path, encoder, general=[general], words=WORDS, seeds=2, variants=["dapt", "dapt+tapt"],
        **mentions_task(tmp_path),
        pretrain={"batch_size": 8, "precision": "fp32", "attention": "masks"},
        finetune={"epochs": 1, "max_length": 40},
    )  # fmt: skip
    result = adapt(config)
    assert result["variants"].keys() == {"dapt", "dapt+tapt"}
    for run in result["variants"].values():
        assert run["model"] == "BertForTokenClassification" and "forgetting" not in run
    assert "loss_discriminator" in result["variants"]["dapt"]["validation"]
    assert result["variants"]["dapt"]["replay"]["share_at_end"] == 0.2
    said = "to find replaced tokens: what it forgets of general text is not measured"
    assert capfd.readouterr().err.count(said) == 1
    assert result["losses"]["base"]["domain"] is result["losses"]["dapt"]["domain"] is None
    assert len(result["worth"]["comparisons"]) == 2
    card = (tmp_path / "out" / "model" / "README.md").read_text("utf-8")
    assert "| objective | replaced-token detection |" in card and "[MASK]" not in card


def test_a_batch_that_one_of_the_texts_is_too_small_for_is_refused_before_any_training(
    texts: list[str], base: Path, tmp_path: Path
) -> None:
    write_documents(tmp_path / "domain.jsonl", texts[:30])
    plain = {"precision": "fp32", "attention": "masks"}

    def asked(batch: int) -> AdaptConfig:
        pretrain = {**plain, "batch_size": batch}
        return settings(tmp_path, base, **mentions_task(tmp_path), pretrain=pretrain)

    with pytest.raises(
        InputError, match=r"^tapt: \d+ rows of the task text .* batch of 64"
    ) as refused:
        adapt(asked(64))
    most = int(refused.value.way_out.partition("pretrain.batch_size=")[2].split()[0])
    with opened(asked(most), overwrite=False) as places:  # which may still change
        assert not places.runs.exists()
        rows = pack_all(asked(most), places, str(base), has_words=False)
        require_batches(asked(most), places, str(base), False, rows)
        with pytest.raises(InputError, match="tapt"):
            require_batches(asked(most + 1), places, str(base), False, rows)


def begun(config: AdaptConfig) -> Places:
    """Its texts are gathered."""
    places = Places(Path(config.out))
    places.root.mkdir()
    gather_texts(config, None, places)
    return places


def test_words_are_added_to_a_tokenizer_that_came_without_a_tokenizer_json(
    texts: list[str], base: Path, tmp_path: Path
) -> None:
    """And the checkpoint, whose own it still is, grows by them."""
    from transformers import AutoTokenizer

    plain = Path(shutil.copytree(base, tmp_path / "plain"))
    known = AutoTokenizer.from_pretrained(base).get_vocab()
    (plain / "vocab.txt").write_text("\n".join(sorted(known, key=known.__getitem__)) + "\n")
    (plain / "tokenizer.json").unlink()
    own = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 64}
    (plain / "tokenizer_config.json").write_text(json.dumps(own))
    before = sorted(path.name for path in plain.iterdir())
    write_documents(tmp_path / "domain.jsonl", texts[:40])
    config = settings(tmp_path, plain, words=WORDS)
    places = begun(config)
    found = extended(config, WORDS, places, str(plain))
    assert found is not None and found["words"] == WORDS
    assert extended(config, WORDS, places, str(plain)) == found
    pack_all(config, places, str(plain), has_words=True)
    run = train_variant(config, variants_of(config)[0], places, str(plain), has_words=True)
    tokenizer = AutoTokenizer.from_pretrained(run["model_folder"])
    assert len(tokenizer) == len(known) + WORDS
    assert known.items() <= tokenizer.get_vocab().items()
    assert sorted(path.name for path in plain.iterdir()) == before


@pytest.mark.parametrize("reason", ["few documents", "no word model"])
def test_words_that_were_advised_and_cannot_be_added_stop_nothing(
    reason: str, texts: list[str], base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, documents = base, texts[:40]
    if reason == "few documents":
        documents = texts[:2]
    else:
        model = Path(shutil.copytree(base, tmp_path / "other"))
        content = json.loads((model / "tokenizer.json").read_text())
        content["model"] = {
            "type": "WordLevel", "vocab": content["model"]["vocab"], "unk_token": "[UNK]",
        }  # fmt: skip
        (model / "tokenizer.json").write_text(json.dumps(content))
    write_documents(tmp_path / "domain.jsonl", documents)
    config = settings(tmp_path, model, words="auto")
    places = begun(config)
    assert extended(config, WORDS, places, str(model)) is None
    assert "the vocabulary stays as it is: " in capfd.readouterr().err
    asked = config.model_copy(update={"words": WORDS})
    with pytest.raises(InputError, match="words: 0"):
        extended(asked, WORDS, places, str(model))


@pytest.mark.fault("unseen-labels", "malformed-tags")
@pytest.mark.parametrize(
    ("kind", "split", "spoilt", "says"),
    [
        ("sentiment", "test", {"label": -1}, "test.jsonl"),
        ("sentiment", "validation", {"label": "neither"}, "neither"),
        ("ner", "test", {"ner_tags": ["B-ORG", "I-ORG"], "tokens": ["a", "house"]}, "ORG"),
        ("ner", "validation", {"ner_tags": ["O"], "tokens": ["a", "house"]}, "validation.jsonl"),
    ],
)  # fmt: skip
def test_labels_of_every_file_are_looked_at_before_anything_is_written(
    kind: str, split: str, spoilt: dict[str, Any], says: str, texts: list[str], base: Path, tmp_path: Path
) -> None:  # fmt: skip
    make = mentions if kind == "ner" else opinions
    rows = {name: make(12, seed=len(name)) for name in ("train", "validation", "test")}
    rows[split][7].update(spoilt)
    task = {**mentions_task(tmp_path, **rows), "task": kind}
    write_documents(tmp_path / "domain.jsonl", texts[:6])
    config = settings(tmp_path, base, **task)
    for verb in (plan, adapt):
        with pytest.raises(InputError, match=says):
            verb(config)
        assert not (tmp_path / "out").exists()
