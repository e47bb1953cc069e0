"""Writing: what is learnt, what the saved folder writes, and what neither batch nor padding may change."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from tiny_problems import save_model, tiny_config, wordpiece
from typer.testing import CliRunner
from written_problems import LEXICON, save_writer, translations, writer_config

from mlm_pretrain.cli import app
from mlm_pretrain.cli.output import finetuning
from mlm_pretrain.config import load_config
from mlm_pretrain.errors import InputError
from mlm_pretrain.finetune import TASKS, FinetuneConfig, finetune, plan
from mlm_pretrain.finetune.batching import Collator
from mlm_pretrain.finetune.generation import decoder_inputs, greedy, until_end, write
from mlm_pretrain.finetune.loop import build_trainer, predict
from mlm_pretrain.finetune.pairs import read_translations

RECIPES = Path(__file__).parents[2] / "recipes"
FAST: dict[str, Any] = {"learning_rate": 3e-3, "batch_size": 16, "max_new_tokens": 12}
KINDS = ["t5", "bart"]


def config_in(folder: Path, model: str, train: int = 800, **settings: Any) -> FinetuneConfig:
    """Files of the toy language in `folder`; the last seed holds no sentence of the others."""
    folder.mkdir(exist_ok=True)
    paths = {}
    for seed, (split, count) in enumerate({"train": train, "validation": 20, "test": 40}.items()):
        paths[split] = str(folder / f"{split}.jsonl")
        lines = [json.dumps(row) + "\n" for row in translations(count, seed)]
        Path(paths[split]).write_text("".join(lines))
    given = {"model": model, "out": str(folder / "out"), **paths, **FAST, **settings}
    return FinetuneConfig(**given)


def predictions_in(folder: str | Path) -> list[dict[str, Any]]:
    lines = (Path(folder) / "predictions_test.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def opened(folder: str | Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    return model, transformers.AutoTokenizer.from_pretrained(folder)


def encoded(tokenizer: Any, texts: list[str]) -> dict[str, torch.Tensor]:
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def alone(model: Any, tokenizer: Any, text: str, **settings: Any) -> str:
    """What a user of the folder gets for one text."""
    ids = model.generate(**encoded(tokenizer, [text]), **settings)[0]
    return str(tokenizer.decode(ids, skip_special_tokens=True))


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def untrained(kind: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_writer(tmp_path_factory.mktemp("models") / kind, kind)


@pytest.fixture(scope="module")
def trained(untrained: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A whole run of 150 steps."""
    return finetune("translation", config_in(tmp_path_factory.mktemp("run"), untrained, epochs=3))


@pytest.fixture(scope="module")
def unsure(untrained: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that stops when the model begins to see something: what it writes is in doubt."""
    folder = tmp_path_factory.mktemp("unsure")
    return finetune("translation", config_in(folder, untrained, steps=12))


def test_words_in_another_order_are_learnt(
    trained: dict[str, Any], untrained: str, tmp_path: Path
) -> None:
    still = config_in(tmp_path, untrained, steps=1, learning_rate=1e-9)
    assert finetune("translation", still)["metrics"]["test"]["bleu"] < 0.05
    scores = trained["metrics"]["test"]
    assert scores["bleu"] > 0.95 and scores["chrf"] > 0.95 and scores["unfinished"] == 0.0
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert "nc:6|nw:0" in scores["chrf_signature"]
    record = json.loads((Path(trained["out"]) / "metrics.json").read_text())
    assert record == trained["metrics"]
    best = max(trained["history"], key=lambda epoch: epoch["bleu"])
    assert trained["best_epoch"] == best["epoch"] and "labels" not in trained
    assert trained["embedding_rate"] == 1.0  # also of few rows: they are the output layer


@pytest.mark.parametrize("is_sure", [True, False])
def test_the_saved_folder_writes_the_predictions(
    is_sure: bool, trained: dict[str, Any], unsure: dict[str, Any]
) -> None:
    out = (trained if is_sure else unsure)["out"]
    model, tokenizer = opened(out)
    assert model.generation_config.num_beams == 4
    rows = predictions_in(out)
    assert len(rows) == 40 and len({row["prediction"] for row in rows}) > 1
    for row in rows:
        assert alone(model, tokenizer, row["source"]) == row["prediction"]


def test_beams_find_texts_that_the_model_likes_better(unsure: dict[str, Any]) -> None:
    """By the score that beam search maximises: log p over the number of tokens."""
    model, tokenizer = opened(unsure["out"])
    texts = [row["source"] for row in predictions_in(unsure["out"])]
    scores, found = {}, {}
    for beams in (1, 4):
        written = [model.generate(**encoded(tokenizer, [t]), num_beams=beams)[0] for t in texts]
        found[beams] = [ids.tolist() for ids in written]
        scores[beams] = [
            liking(model, tokenizer, *pair) for pair in zip(texts, written, strict=True)
        ]
    assert found[1] != found[4]
    assert sum(scores[4]) > sum(scores[1])


@torch.no_grad()
def liking(model: Any, tokenizer: Any, text: str, ids: torch.Tensor) -> float:
    """Mean of log p over the tokens behind the two that generation has to begin with."""
    logits = model(**encoded(tokenizer, [text]), decoder_input_ids=ids[None, :-1]).logits[0]
    chosen = logits.log_softmax(-1).gather(1, ids[1:, None])[1:, 0]
    return float(chosen.sum() / len(ids[1:]))


def test_a_batch_writes_what_each_text_alone_does(unsure: dict[str, Any]) -> None:
    model, tokenizer = opened(unsure["out"])
    texts = ["red", "the red cat walks in oslo", "a a a a " * 6, "quito sleeps"]
    pad, end = tokenizer.pad_token_id, tokenizer.sep_token_id
    for settings in (None, greedy(model.generation_config)):
        together = write(model, encoded(tokenizer, texts), settings)
        for text, row in zip(texts, together.numpy(), strict=True):
            single = write(model, encoded(tokenizer, [text]), settings).numpy()[0]
            assert until_end(row, end, pad).tolist() == until_end(single, end, pad).tolist()
    assert len({tuple(row.tolist()) for row in together}) > 1


def test_a_row_ends_at_its_end_token_or_at_its_padding() -> None:
    rows = {
        (5, 3, 0, 0): [5, 3],
        (5, 6, 7, 0): [5, 6, 7],
        (0, 0): [],
        (3, 5): [3],
        (0, 5, 0): [0, 5],
    }
    for row, kept in rows.items():
        assert until_end(torch.tensor(row).numpy(), end=3, pad=0).tolist() == kept


def trainer_of(model: str, folder: Path, precision: str = "fp32", **settings: Any) -> Any:
    """The first 8 rows, their targets made very different in length, ready to be trained on."""
    config = config_in(folder, model, **settings)
    task = TASKS["translation"](config)
    network, tokenizer = opened(model)
    task.adapt(network, tokenizer)
    rows = task.read(config.train, "train")[:8]
    rows = [type(r)(r.source, " ".join([r.target] * (n + 1)), r.where) for n, r in enumerate(rows)]
    features = task.encode(rows, tokenizer, ("input_ids", "attention_mask"), 64, training=True)
    collator = Collator(tokenizer.pad_token_id, False, task.decoder_inputs)
    return task, build_trainer(network, features, collator, config, 1, 1e-3, 1.0, precision)


def test_padding_of_targets_does_not_change_the_loss(untrained: str, tmp_path: Path) -> None:
    """The mean over all tokens of texts taken one by one, by the model's own loss."""
    total, items = 0.0, 0
    task, trainer = trainer_of(untrained, tmp_path)
    for feature in trainer.train_dataset[:4]:
        inputs = {name: torch.tensor([ids.tolist()]) for name, ids in feature.inputs.items()}
        labels = torch.tensor([feature.labels.tolist()])
        with torch.no_grad():
            total += trainer.model.eval()(**inputs, labels=labels).loss.item() * labels.numel()
        items += labels.numel()
    lengths = {len(feature.labels) for feature in trainer.train_dataset[:4]}
    assert len(lengths) == 4
    _, loss = predict(trainer, trainer.train_dataset[:4], task.keep)
    assert loss == pytest.approx(total / items, abs=1e-5)


def test_a_step_does_not_depend_on_accumulation(untrained: str, tmp_path: Path) -> None:
    logs = []
    for batch_size, accumulation in ((8, 1), (2, 4)):
        size = {"batch_size": batch_size, "accumulation": accumulation}
        _, trainer = trainer_of(untrained, tmp_path, **size)
        trainer.train()
        log = trainer.state.log_history[0]
        logs.append((log["loss"], float(log["grad_norm"])))
    assert logs[0] == pytest.approx(logs[1], rel=1e-5) and logs[0][1] > 0


@pytest.mark.parametrize(
    "family", ["t5", "bart", "marian", "mbart", "pegasus", "m2m_100", "blenderbot", "led"]
)
def test_decoders_read_what_the_model_itself_would_give_them(family: str) -> None:
    """Some architectures have no method for it: then it is made here."""
    transformers.set_seed(0)
    config = writer_config(family, wordpiece())
    model = transformers.AutoModelForSeq2SeqLM.from_config(config).eval()
    labels = torch.tensor([[2, 80, 81, 82, 3], [2, 75, 3, -100, -100]])
    inputs = encoded(wordpiece(), ["the red cat walks", "a dog"])
    shifted = decoder_inputs(model, "m")(labels)
    with torch.no_grad():
        own = model(**inputs, labels=labels).logits
        ours = model(**inputs, decoder_input_ids=shifted).logits
    torch.testing.assert_close(ours, own)
    assert labels[1, 3] == -100  # the labels themselves stay


def test_bf16_in_training_does_not_reach_what_is_written(untrained: str, tmp_path: Path) -> None:
    """Else the saved folder, which computes in fp32, would at times write something else."""
    _, trainer = trainer_of(untrained, tmp_path, precision="bf16")
    trainer.train()
    model, kinds = trainer.model.eval(), []
    model.lm_head.register_forward_hook(lambda _module, _inputs, out: kinds.append(out.dtype))
    batch = trainer.data_collator(trainer.train_dataset[:2])
    labels = batch.pop("labels")
    with torch.no_grad():
        written = write(model, batch, greedy(model.generation_config))
        assert set(kinds) == {torch.float32} and len(written) == len(labels)
        kinds.clear()
        model(**batch)
    assert set(kinds) == {torch.bfloat16}  # training goes on as it did


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


def test_an_encoder_put_before_another_models_decoder_writes_too(tmp_path: Path) -> None:
    tokenizer = wordpiece()
    halves = [tiny_config("bert", len(tokenizer), tokenizer.pad_token_id) for _ in range(2)]
    shape = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(*halves)
    network = transformers.EncoderDecoderModel(shape)
    network.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    config = config_in(tmp_path, str(tmp_path / "m"), epochs=1, learning_rate=None)
    with pytest.raises(InputError, match=r"m: its config.json has no decoder_start_token_id"):
        plan("translation", config)
    network.config.decoder_start_token_id = tokenizer.cls_token_id
    network.save_pretrained(tmp_path / "m")
    result = finetune("translation", config.model_copy(update={"random_weights": True}))
    assert result["learning_rate"] == 5e-4 and result["metrics"]["test"]["loss"] < 4
    network, tokenizer = opened(config.out)
    for row in predictions_in(config.out)[:5]:
        assert alone(network, tokenizer, row["source"]) == row["prediction"]


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
