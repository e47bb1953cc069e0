"""A low-rank change: what it changes, stopped and resumed, merged into its model, and by its name."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import learned
import package_process
import pytest
import torch
from resumable import checkpoints, flip_bit, unfinished_copy
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM
from variations import FIRST_ADDED

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.packing import PackedDataset
from mlm_pretrain.training.assembling import assemble, build_trainer
from mlm_pretrain.training.learning.adapters import open_adapters
from mlm_pretrain.training.learning.lora import lora_layers, write_lora
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

LORA: dict[str, Any] = {"rank": 4, "name": "python"}
# The sums of a product in another order: relative to the largest score.
ROUNDING = 1e-5


def config(data: Path, init: Path | None, out: Path, **changes: Any) -> PretrainConfig:
    return learned.config(data, init, out, **{"lora": LORA, "optimizer": "muon", **changes})


def files(run: Path) -> list[bytes]:
    """All that a run ends with, to the bit."""
    names = ["model/model.safetensors", "model/lora.safetensors"]
    return [(run / name).read_bytes() for name in names]


@pytest.fixture(scope="module")
def changed_run(prepared: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps with all its checkpoints."""
    out = tmp_path_factory.mktemp("lora") / "run"
    pretrain(config(prepared, tiny_model, out))
    return out


def test_the_matrices_of_the_layers_change_and_nothing_else(
    changed_run: Path, tiny_model: Path
) -> None:
    before, after = learned.state(tiny_model), learned.state(changed_run / "model")
    matrices = {n for n, w in before.items() if ".layers." in n and w.dim() == 2}
    assert learned.changed(before, after) == matrices and before.keys() == after.keys()
    beside = load_file(changed_run / "model" / "lora.safetensors")
    for name in matrices:
        owner = name.removesuffix(".weight")
        assert torch.equal(beside[f"{owner}.base_layer.weight"], before[name])
        down, up = (beside[f"{owner}.lora_{part}.python.weight"] for part in "AB")
        torch.testing.assert_close(after[name] - before[name], 2 * up @ down, atol=1e-6, rtol=1e-4)
        assert down.shape[0] == 4 and up.abs().sum() > 0
    result = json.loads((changed_run / "manifest.json").read_text("utf-8"))["counts"]
    assert result["parameters"] == sum(w.numel() for w in before.values())


@pytest.mark.fault("killed-mid-step")
def test_killed_and_resumed_to_the_same_bits(
    prepared: Path, tiny_model: Path, tmp_path: Path, capfd: Any
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    pretrain(config(prepared, tiny_model, whole, steps=30, checkpoint_minutes=10.0))
    words = ["-m", "mlm_pretrain", "pretrain", "--data", str(prepared), "--out", str(run)]
    words += ["--init", str(tiny_model)]
    own = {**learned.SETTINGS, "lora": LORA, "optimizer": "muon", "steps": 30}
    words += [f"--set=pretrain.{name}={json.dumps(value)}" for name, value in own.items()]

    def ready() -> bool:
        return any(int(path.name.split("-")[1]) >= 5 for path in checkpoints(run))

    assert package_process.signal_when(words, ready, signal.SIGKILL).returncode == -signal.SIGKILL
    done = package_process.call_verb(capfd, "pretrain", "--out", run, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert files(run) == files(whole)


def test_resumed_at_any_step_and_refused_with_another_change(
    prepared: Path, tiny_model: Path, changed_run: Path, tmp_path: Path
) -> None:
    for step in (1, 3):
        run = unfinished_copy(changed_run, tmp_path / f"from-{step}")
        for checkpoint in checkpoints(run)[step:]:
            shutil.rmtree(checkpoint)
        pretrain(config(prepared, tiny_model, run), resume=True)
        assert files(run) == files(changed_run)
    run = unfinished_copy(changed_run, tmp_path / "other")
    with pytest.raises(InputError, match=r"lora: {'rank': 4.*→ {'rank': 8"):
        pretrain(config(prepared, tiny_model, run, lora={**LORA, "rank": 8}), resume=True)
    with pytest.raises(InputError, match=r"lora: {'rank': 4.*→ None"):
        pretrain(config(prepared, tiny_model, run, lora=None), resume=True)
    flip_bit(run / "checkpoint-4" / "lora.safetensors")
    pretrain(config(prepared, tiny_model, run), resume=True)
    assert files(run) == files(changed_run)  # from the checkpoint before


def scores(model: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=ids).logits
    return found


@pytest.mark.parametrize("arch", ["bert:2x64", "modernbert:2x64", "gpt2:2x64", "llama:2x64"])
@pytest.mark.parametrize("targets", ["attention", "all-linear"])
def test_the_plain_model_scores_as_the_changed_one(
    arch: str, targets: str, prepared: Path, tmp_path: Path
) -> None:
    """Whatever the layers are called and however their matrices lie; with large changes."""
    objective = "clm" if arch.startswith(("gpt2", "llama")) else "mlm"
    first = tmp_path / "first"
    plain: dict[str, Any] = {"lora": None, "steps": 1, "objective": objective}
    pretrain(config(prepared, None, first, **plain, arch=arch))
    export(first, tmp_path / "base")
    own = {"lora": {**LORA, "targets": targets}, "objective": objective, "steps": 2}
    materials = assemble(config(prepared, tmp_path / "base", tmp_path / "run", **own))
    trainer: Any = build_trainer(materials)
    trainer.train()
    model = trainer.model
    layers = lora_layers(model)
    assert len(layers) == {
        ("gpt2:2x64", "attention"): 4, ("gpt2:2x64", "all-linear"): 8,
        ("modernbert:2x64", "attention"): 4, ("modernbert:2x64", "all-linear"): 8,
        ("bert:2x64", "attention"): 8, ("bert:2x64", "all-linear"): 12,
        ("llama:2x64", "attention"): 8, ("llama:2x64", "all-linear"): 14,
    }[arch, targets]  # fmt: skip
    for layer in layers.values():
        torch.nn.init.normal_(layer.lora_B["python"].weight, std=0.3)
    trainer.save_model(str(tmp_path / "merged"))
    auto = AutoModelForCausalLM if objective == "clm" else AutoModelForMaskedLM
    merged = auto.from_pretrained(tmp_path / "merged", attn_implementation="sdpa")
    ids = torch.randint(5, 2000, (3, 20), generator=torch.Generator().manual_seed(0))
    expected, found = scores(model, ids), scores(merged, ids)
    assert (found - expected).abs().max() < ROUNDING * expected.abs().max()
    base = scores(auto.from_pretrained(tmp_path / "base"), ids)
    assert (base - expected).abs().max() > 0.1 * expected.abs().max()


def test_domains_on_one_base_switched_by_name(
    prepared: Path, general: Path, tiny_model: Path, changed_run: Path, tmp_path: Path
) -> None:
    """Each scores as its merged model does, and without any it is the base."""
    other = {"lora": {**LORA, "name": "other", "targets": "attention"}, "learning_rate": 1e-2}
    pretrain(config(general, tiny_model, tmp_path / "other", **other))
    runs = {"python": changed_run, "other": tmp_path / "other"}
    for name, run in runs.items():
        listed = export(run, tmp_path / f"model-{name}")["files"]
        assert f"adapters/{name}/adapter_model.safetensors" in listed
        said = (tmp_path / f"model-{name}" / "adapters" / name / "adapter_config.json").read_text()
        assert json.loads(said)["base_model_name_or_path"] is None and str(tmp_path) not in said
    folders = {name: tmp_path / f"model-{name}" / "adapters" / name for name in runs}
    model = open_adapters(AutoModelForMaskedLM.from_pretrained(tiny_model), folders)
    ids = torch.randint(5, 2000, (3, 20), generator=torch.Generator().manual_seed(0))
    found = {}
    for name in ("other", "python", "other"):
        model.set_adapter(name)
        found[name] = scores(model, ids)
        merged = AutoModelForMaskedLM.from_pretrained(tmp_path / f"model-{name}")
        expected = scores(merged, ids)
        assert (found[name] - expected).abs().max() < ROUNDING * expected.abs().max()
    assert (found["python"] - found["other"]).abs().max() > 1e-3
    with model.disable_adapter():
        base = scores(AutoModelForMaskedLM.from_pretrained(tiny_model), ids)
        assert torch.equal(scores(model, ids), base)
    with pytest.raises(InputError, match="holds no adapter"):
        open_adapters(AutoModelForMaskedLM.from_pretrained(tiny_model), {"a": tmp_path})
    with pytest.raises(InputError, match="does not fit ModernBertModel"):
        open_adapters(AutoModel.from_pretrained(tiny_model), folders)


def test_a_fresh_head_and_added_tokens_go_with_the_change(
    extended: Path, headless: Path, tmp_path: Path
) -> None:
    """They learn, the rest of the table does not; and the folder of the change holds them."""
    run, model = tmp_path / "run", tmp_path / "model"
    config_ = config(extended, headless, run, new_rows_rate=5.0)
    pretrain(config_)
    before, after = learned.state(headless), learned.state(run / "model")
    matrices = {n for n, w in before.items() if ".layers." in n and w.dim() == 2}
    assert learned.changed(before, after) == matrices | {learned.TABLE}
    old = slice(0, FIRST_ADDED)
    assert torch.equal(before[learned.TABLE][old], after[learned.TABLE][old])
    assert after["decoder.bias"].abs().min() > 0 and (after["head.norm.weight"] != 1).all()
    copy = unfinished_copy(run, tmp_path / "copy")
    for checkpoint in checkpoints(copy)[2:]:
        shutil.rmtree(checkpoint)
    pretrain(config_.model_copy(update={"out": str(copy)}), resume=True)
    assert files(copy) == files(run)
    export(run, model)
    ids = torch.randint(1850, 2000, (3, 20), generator=torch.Generator().manual_seed(0))
    base = AutoModelForMaskedLM.from_pretrained(headless)
    opened = open_adapters(base, {"python": model / "adapters" / "python"})
    expected = scores(AutoModelForMaskedLM.from_pretrained(model), ids)
    assert (scores(opened, ids) - expected).abs().max() < ROUNDING * expected.abs().max()


@pytest.mark.parametrize("head", [None, True])
def test_a_run_that_follows_goes_on_with_the_change(
    head: bool | None, general: Path, headless: Path, tmp_path: Path, capfd: Any
) -> None:
    """Two runs of an epoch each are one of two, to the bit; another change begins on the merged model."""
    batch = -(-len(PackedDataset(general, "train")) // 2)
    same = {"batch_size": batch, "lora": {**LORA, "head": head}, "head_warmup_share": 0.0}
    pretrain(config(general, headless, tmp_path / "one", **same))
    pretrain(config(general, headless, tmp_path / "first", **{**same, "steps": 2}))
    after = {**same, "steps": 2, "follows": str(tmp_path / "first")}
    pretrain(config(general, None, tmp_path / "second", **after))
    assert files(tmp_path / "second") == files(tmp_path / "one")
    capfd.readouterr()
    other = {**after, "lora": {**LORA, "rank": 2}, "steps": 1}
    pretrain(config(general, None, tmp_path / "third", **other))
    assert "had another change" in capfd.readouterr().err
    beside = load_file(tmp_path / "third" / "model" / "lora.safetensors")
    merged = learned.state(tmp_path / "first" / "model")
    name = "model.layers.0.attn.Wqkv"
    assert torch.equal(beside[f"{name}.base_layer.weight"], merged[f"{name}.weight"])


def test_what_it_cannot_change_is_refused(
    prepared: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"pip install 'mlm-pretrain\[adapters\]'"):
        pretrain(config(prepared, tiny_model, tmp_path / "run"))
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"lora\.targets: \['nothing'\]"):
        own = {"lora": {**LORA, "targets": ["nothing"]}}
        pretrain(config(prepared, tiny_model, tmp_path / "run", **own))
    with pytest.raises(InputError, match="keeps a copy of the encoder"):
        pretrain(config(prepared, tiny_model, tmp_path / "run", objective="contrastive"))
    assert not (tmp_path / "run").exists()


def test_what_is_beside_is_told_from_another(
    prepared: Path, tiny_model: Path, changed_run: Path, tmp_path: Path
) -> None:
    """A file of another shape is not taken, whatever its name says."""
    own = {"lora": {**LORA, "targets": "attention"}}
    materials = assemble(config(prepared, tiny_model, tmp_path / "run", **own))
    other = shutil.copytree(changed_run / "checkpoint-4", tmp_path / "checkpoint-4")
    write_lora(materials.model, Path(other))
    materials = assemble(config(prepared, tiny_model, tmp_path / "run"))
    with pytest.raises(InputError, match="of another change than lora asks for"):
        build_trainer(materials)._load_from_checkpoint(str(other))
