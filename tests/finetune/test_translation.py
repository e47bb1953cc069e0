"""Translation: its files, languages and prefixes, and every model and setting that is refused."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_problems import save_model, wordpiece
from typer.testing import CliRunner
from written_problems import (
    LEXICON,
    alone,
    config_in,
    opened,
    predictions_in,
    save_writer,
    translations,
    writer_config,
)

from mlm_pretrain.cli import app
from mlm_pretrain.cli.output import finetuning
from mlm_pretrain.config import load_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS, FinetuneConfig, finetune, plan
from mlm_pretrain.finetune.pairs import read_translations

RECIPES = Path(__file__).parents[2] / "recipes"


def test_random_weights_a_subset_and_a_second_run(tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "t5")
    config = config_in(tmp_path, model, max_train_examples=32, epochs=1, random_weights=True)
    facts = plan("translation", config)
    assert (facts["train_examples"], facts["steps"], facts["num_beams"]) == (32, 2, 4)
    assert not Path(config.out).exists()
    first = finetune("translation", config)
    assert first["train_examples"] == 32 and first["new_weights"] == "all"
    given = load_file(tmp_path / "m" / "model.safetensors")["shared.weight"]
    saved = {p.name: p.read_bytes() for p in Path(config.out).iterdir() if p.name != "metrics.json"}
    assert not torch.allclose(
        load_file(Path(config.out) / "model.safetensors")["shared.weight"], given
    )
    with pytest.raises(InputError, match="out"):
        finetune("translation", config)  # what is there stays
    assert finetune("translation", config, overwrite=True)["metrics"] == first["metrics"]
    for name in ("predictions_test.jsonl", "model.safetensors"):
        assert (Path(config.out) / name).read_bytes() == saved[name]


def test_a_checkpoint_of_many_languages_is_told_which(tmp_path: Path) -> None:
    """MBart50's tokenizer puts the language's mark before each text."""
    words = sorted({*" ".join(r["source"] for r in translations(99, 0)).split(), *LEXICON.values()})
    special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    tokenizer = transformers.MBart50Tokenizer(vocab=[*special, *((f"▁{w}", -1.0) for w in words)])
    ids = {"vocab_size": len(tokenizer), "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    shape = writer_config("mbart", wordpiece(), **ids, decoder_start_token_id=2)
    transformers.AutoModelForSeq2SeqLM.from_config(shape).save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    config = config_in(tmp_path, str(tmp_path / "m"), train=64, epochs=1)
    with pytest.raises(InputError, match=r"marks texts by their language \(af_ZA, ar_AR"):
        plan("translation", config)
    asked = {"source_language": "en", "target_language": "klingon"}
    with pytest.raises(InputError, match=r"target_language: .* has no language 'klingon'"):
        plan("translation", config.model_copy(update=asked))
    asked["target_language"] = "de_DE"
    finetune("translation", config.model_copy(update=asked))
    settings = json.loads((Path(config.out) / "generation_config.json").read_text())
    german = tokenizer.convert_tokens_to_ids("de_DE")
    assert settings["forced_bos_token_id"] == german > 4
    assert settings["decoder_start_token_id"] == 2
    network, reopened = opened(config.out)
    reopened.src_lang = "en_XX"
    for row in predictions_in(config.out):
        assert alone(network, reopened, row["source"]) == row["prediction"]


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_the_next_command_suits_the_model(kind: str, tmp_path: Path) -> None:
    save = save_writer if kind == "t5" else partial(save_model, tokenizer=wordpiece())
    folder = save(tmp_path / "m", kind)
    task = "summarization" if kind == "t5" else "sentiment"
    assert finetuning(folder).startswith(f"mlm-pretrain finetune {task} --model {folder} --train ")
    assert " --model me/mine --train " in finetuning(folder, "me/mine")


@pytest.mark.parametrize(
    ("own", "asked", "used"),
    [("say: ", None, "say: "), ("say: ", "", ""), ("say: ", "tell: ", "tell: "), (None, None, "")],
)
def test_a_prefix_is_the_checkpoints_unless_another_is_asked_for(
    own: str | None, asked: str | None, used: str, tmp_path: Path
) -> None:
    known = {"translation_en_to_de": {"prefix": own, "max_length": 300}}
    model = save_writer(tmp_path / "m", "t5", **({"task_specific_params": known} if own else {}))
    languages = {"source_language": "en", "target_language": "de"}
    config = config_in(tmp_path, model, train=16, steps=1, prefix=asked, **languages)
    task = TASKS["translation"](config)
    network, tokenizer = opened(model)
    assert task.adapt(network, tokenizer)["prefix"] == used
    [feature] = task.encode(task.read(config.train, "t")[:1], tokenizer, ("input_ids",), 64)
    expected = tokenizer(used + translations(1, 0)[0]["source"])["input_ids"]
    assert feature.inputs["input_ids"].tolist() == expected
    finetune("translation", config)
    # Whoever trains the result further gets the same words.
    further = config.model_copy(update={"model": config.out, "prefix": None, "out": "unused"})
    assert plan("translation", further)["prefix"] == used


@pytest.mark.parametrize(
    "own", ["text", ["x"], {"translation": "x"}, {"translation": {"prefix": None}}]
)
def test_a_config_that_says_nothing_usable_of_a_prefix(own: Any, tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "t5", task_specific_params=own)
    assert plan("translation", config_in(tmp_path, model, train=16))["prefix"] == ""


def test_targets_are_cut_and_end_all_the_same(tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "bart")
    config = config_in(tmp_path, model, train=16, max_target_length=4)
    task = TASKS["translation"](config)
    network, tokenizer = opened(model)
    task.adapt(network, tokenizer)
    rows = task.read(config.train, "train")
    for feature in task.encode(rows, tokenizer, ("input_ids",), 64):
        assert len(feature.labels) == 4 and feature.labels[-1] == tokenizer.sep_token_id
    assert task.counts == {"cut_targets": 16, "cut_texts": 0}
    # A tokenizer that ends nothing: the end is put there.
    bare = TASKS["translation"](config)
    tokenizer.backend_tokenizer.post_processor = None
    bare.adapt(network, tokenizer)
    [feature] = bare.encode(rows[:1], tokenizer, ("input_ids",), 64)
    assert len(feature.labels) == 4 and feature.labels[-1] == tokenizer.sep_token_id
    assert tokenizer.cls_token_id not in feature.labels


def config_of(**settings: Any) -> FinetuneConfig:
    return FinetuneConfig(model="m", train="t", validation="v", out="o", **settings)


def test_the_same_pairs_from_every_shape_of_file(write: Any) -> None:
    expected = [("a b", "c d"), ("e", "f")]
    by_field = [{"source": s, "target": t} for s, t in expected]
    by_language = [{"id": 1, "translation": {"fr": "x", "en": s, "de": t}} for s, t in expected]
    csv = "id,en,de\n1,a b,c d\n2,e,f\n"
    cell = 'translation\n"{""en"": ""a b"", ""de"": ""c d""}"\n"{""en"": ""e"", ""de"": ""f""}"\n'
    languages = {"source_language": "en", "target_language": "de"}
    fields = {"source_field": "en", "target_field": "de"}
    codes = {"source_language": "eng_Latn", "target_language": "deu_Latn", **fields}
    for name, content, settings in [
        ("a.jsonl", by_field, {}),
        ("b.jsonl", by_language, languages),
        ("c.csv", csv, fields),
        ("d.tsv", csv.replace(",", "\t"), fields),
        ("e.csv", cell, languages),
        ("b.jsonl", by_language, codes),
    ]:
        found = read_translations(write(name, content), "train", config_of(**settings))
        assert [(pair.source, pair.target) for pair in found] == expected, name


EN_DE = {"source_language": "en", "target_language": "de"}


@pytest.mark.fault("bad-row")
@pytest.mark.parametrize(
    ("row", "settings", "problem"),
    [
        ({"source": "x"}, {}, r"a.jsonl:1: no field 'target' \(it has: source\)[\s\S]*target_field"),
        ({"source": "x", "target": 3}, {}, "a.jsonl:1: 'target' is int, not text"),
        ({"source": "x", "target": " "}, {}, r"1 empty texts in 1 rows:\s+.*a.jsonl:1: an empty 'target'"),
        ({"source": "", "target": "y"}, {}, "a.jsonl:1: an empty 'source'"),
        ({"source": "x\0", "target": "y"}, {}, "a.jsonl:1: 'source' has a NUL"),
        ({"translation": {"en": "x", "de": "y"}}, {},
         r"'translation' holds en, de: which is read[\s\S]*source_language and target_language"),
        ({"translation": {"en": "x", "fr": "y"}}, EN_DE,
         r"a.jsonl:1: 'translation': no field 'de' \(it has: en, fr\)[\s\S]*target_language"),
        ({"translation": ["x", "y"]}, EN_DE, "a.jsonl:1: 'translation' is list, not an object"),
    ],
)  # fmt: skip
def test_faults_of_rows(write: Any, row: dict, settings: dict, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_translations(write("a.jsonl", [row]), "train", config_of(**settings))


def test_models_that_cannot_write_are_refused(tmp_path: Path) -> None:
    encoder = save_model(tmp_path / "bert", "bert", wordpiece())
    with pytest.raises(InputError, match=r"no Seq2SeqLM head for 'bert'[\s\S]*encoder–decoder"):
        plan("translation", config_in(tmp_path, encoder))
    startless = Path(save_writer(tmp_path / "t5", "t5"))
    path = startless / "config.json"
    shape = json.loads(path.read_text())
    path.write_text(json.dumps({**shape, "decoder_start_token_id": None}))
    with pytest.raises(InputError, match=r"t5: its config.json has no decoder_start_token_id"):
        plan("translation", config_in(tmp_path, str(startless)))
    path.write_text(json.dumps({**shape, "eos_token_id": None}))
    settings = startless / "tokenizer_config.json"
    kept = {k: v for k, v in json.loads(settings.read_text()).items() if k != "sep_token"}
    settings.write_text(json.dumps(kept))
    with pytest.raises(InputError, match=r"neither its config.json nor its tokenizer has a token"):
        plan("translation", config_in(tmp_path, str(startless)))


@pytest.mark.parametrize("name", ["max_target_length", "max_new_tokens"])
def test_texts_longer_than_the_decoder_are_refused(name: str, tmp_path: Path) -> None:
    model = save_writer(tmp_path / "m", "bart")
    with pytest.raises(InputError, match=rf"{name}: 65 > 64, the positions of"):
        plan("translation", config_in(tmp_path, model, **{name: 65}))


def test_settings_that_contradict_or_are_read_otherwise(write: Any, tmp_path: Path) -> None:
    def run(*words: object) -> Any:
        return CliRunner().invoke(app, ["finetune", "translation", *map(str, words)])

    config = config_in(tmp_path, save_writer(tmp_path / "m", "t5"), train=16)
    given = {"model": config.model, "train": config.train, "validation": config.validation}
    words = [part for name, value in given.items() for part in (f"--{name}", value)]
    words += ["--out", str(tmp_path / "out"), "--set", "batch_size=8"]
    for setting, problem in [
        ("metric=rougeL", "metric: no score 'rougeL' here"),
        ("num_beams=0", "'num_beams': Input should be greater than 0"),
        ("prefix=say: ", r"prefix: a colon and a blank need quotes"),
        ("bleu_tokenizer=ja", "'bleu_tokenizer': Input should be '13a'"),
    ]:
        error = run(*words, "--dry-run", "--set", setting).exception
        assert isinstance(error, InputError) and problem in str(error), setting
    error = run(*words, "--set", "num_beams=1", "--set", "length_penalty=2").exception
    assert "length_penalty has no effect with num_beams 1" in str(error)
    done = run(*words, "--set", 'prefix="say: "', "--set", "steps=1", "--set", "max_new_tokens=4")
    assert done.exit_code == 0, done.exception
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    assert rows["split"][2:] == ["bleu", "chrf", "unfinished", "loss"]
    # The baseline it proposes has the same prefix, through a shell and YAML.
    import shlex

    proposed = shlex.split(
        done.stdout.splitlines()[-1].removeprefix("next: mlm-pretrain finetune ")
    )
    facts = json.loads(run(*proposed[1:], "--dry-run", "--json").stdout)
    assert facts["prefix"] == "say: " and facts["random_weights"]


@pytest.mark.parametrize("name", ["summarization", "translation"])
def test_recipes_run_and_what_they_comment_out_are_settings(name: str, tmp_path: Path) -> None:
    path = RECIPES / f"{name}.yaml"
    assert load_config(FinetuneConfig, path).out == f"runs/{name}"
    data = tmp_path / "data.jsonl"
    pairs = [("the red cat walks " * n, "a cat") for n in range(1, 17)]
    rows: dict[str, list[Any]] = {
        "summarization": [{"text": source, "summary": target} for source, target in pairs],
        "translation": [{"translation": {"en": source, "de": target}} for source, target in pairs],
    }
    data.write_text("".join(json.dumps(row) + "\n" for row in rows[name]))
    files = [f"{split}={data}" for split in ("train", "validation", "test")]
    model = save_writer(tmp_path / "m", "t5")
    changes = [f"model={model}", f"out={tmp_path / 'out'}", "epochs=null", "steps=1", *files]
    assert finetune(name, load_config(FinetuneConfig, path, changes))["counts"]["cut_texts"] == 0
    text = path.read_text()
    settings = text[text.index("\nmodel:") :].splitlines()
    for line in (line[2:] for line in settings if line.startswith("# ")):
        assert line.partition(":")[0] in FinetuneConfig.model_fields, line
