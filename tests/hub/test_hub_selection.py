"""What would be uploaded is chosen without the network: known names, whole files, nothing secret."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from local_hub import TOKEN
from pusher import checksums

from mlm_pretrain.errors import InputError
from mlm_pretrain.export import export
from mlm_pretrain.hub import PushError, check_name, resolve_commit, select
from mlm_pretrain.training.pretrain import PretrainConfig, pretrain

EXPORTED = {
    "README.md", "config.json", "manifest.json", "model.safetensors", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json",
}  # fmt: skip
# The last is a name that is known, but no file of this export.
FOREIGN = ("notes.txt", ".env", ".gitignore", "model.py", "events.out.tfevents.1", "merges.txt")


def add(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.fault("secrets")
def test_known_names_alone(model: Path) -> None:
    for name in FOREIGN:
        (model / name).write_text("x")
    (model / "runs").mkdir()
    (model / "runs" / "config.json").write_text("{}")
    (model / "metrics.json").write_text("{}")
    before = checksums(model)
    chosen = select(model)
    assert set(chosen.files) == EXPORTED | {"metrics.json"}
    assert chosen.bytes == sum((model / name).stat().st_size for name in chosen.files)
    assert set(chosen.left_out) == {*FOREIGN, "runs/"}
    assert chosen.findings == []
    assert checksums(model) == before


@pytest.mark.fault("pickle")
@pytest.mark.parametrize(
    "name", ["optimizer.pt", "pytorch_model.bin", "training_args.bin", "x.CKPT", "a/b.pkl", "c.pth"]
)
def test_pickles_are_refused(name: str, model: Path) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(b"x")
    with pytest.raises(PushError, match="is a pickle") as refused:
        select(model)
    assert name in refused.value.problem


@pytest.mark.parametrize("name", ["vocab.json", "notes.txt"])
def test_links_out_of_the_folder_are_refused(name: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    (model / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PushError, match=rf"{name}: is a link out of the folder"):
        select(model)


def test_an_adapter_goes_with_its_model(prepared: Path, tiny_model: Path, tmp_path: Path) -> None:
    config = PretrainConfig(
        data=str(prepared), out=str(tmp_path / "run"), init=str(tiny_model), steps=1, batch_size=8,
        precision="fp32", lora={"rank": 2, "name": "law"},
    )  # fmt: skip
    pretrain(config)
    export(tmp_path / "run", tmp_path / "model")
    adapters = tmp_path / "model" / "adapters"
    (adapters / "mine").mkdir()
    (adapters / "mine" / "adapter_config.json").write_text("{}")
    (adapters / "law" / "notes.txt").write_text("x")
    chosen = select(tmp_path / "model")
    law = {f"adapters/law/adapter_{name}" for name in ("config.json", "model.safetensors")}
    assert set(chosen.files) == EXPORTED | law
    assert set(chosen.left_out) == {"adapters/law/notes.txt", "adapters/mine/"}
    assert chosen.findings == []


def test_a_link_within_the_folder(model: Path) -> None:
    (model / "model.safetensors").rename(model / "weights")
    (model / "model.safetensors").symlink_to("weights")
    assert "model.safetensors" in select(model).files


@pytest.mark.fault("secrets")
def test_secrets_are_named_by_file_line_and_kind(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    lines = (model / "README.md").read_text("utf-8").count("\n")
    add(model / "README.md", f"\nlogin {TOKEN}\n/home/ada/runs/x\n")
    chosen = select(model)
    assert chosen.findings == [
        f"README.md:{lines + 2}: Hugging Face token",
        f"README.md:{lines + 3}: path of the home folder",
    ]
    with pytest.raises(PushError) as refused:
        chosen.refuse_findings()
    assert chosen.findings[0] in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert "/home/ada/runs" not in str(refused.value)


def test_its_owner_may_edit_the_card_and_nothing_else(model: Path) -> None:
    add(model / "README.md", "\nBy Ada.\n")
    assert "README.md" in select(model).files
    (model / "README.md").unlink()
    assert "README.md" not in select(model).files
    add(model / "config.json", " ")
    with pytest.raises(InputError, match=r"config\.json"):
        select(model)


@pytest.mark.fault("hub")
def test_only_exported_models(tiny_run: Path, prepared: Path, model: Path, tmp_path: Path) -> None:
    for folder in (tiny_run, tiny_run / "model"):
        with pytest.raises(InputError) as refused:
            select(folder)
        assert f"export it first: mlm-pretrain export {tiny_run} --out DIR" in str(refused.value)
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    shutil.copytree(model, run / "exported")
    with pytest.raises(InputError, match=f"push {run}/exported, or export it first"):
        select(run)
    for folder in (prepared, tmp_path / "none", model / "config.json"):
        with pytest.raises(InputError, match="export"):
            select(folder)
    unfinished = Path(shutil.copytree(model, tmp_path / "unfinished"))
    (unfinished / "manifest.json").unlink()
    with pytest.raises(InputError, match=r"no manifest\.json"):
        select(unfinished)


def test_a_model_without_weights(model: Path) -> None:
    (model / "model.safetensors").unlink()
    with pytest.raises(InputError, match="holds no weights"):
        select(model)


@pytest.mark.fault("hub")
@pytest.mark.parametrize(
    "repo", ["ada", "a/b/c", "ada/x--y", "ada/.x", "ada/ x", "ada/x.git", "", "/"]
)
def test_names_that_are_no_repository(repo: str) -> None:
    with pytest.raises(InputError, match="USER/NAME") as refused:
        check_name(repo)
    assert refused.value.exit_code == 2
    check_name("ada/tiny-bert_2.0")


def test_a_folder_or_an_offline_hub_has_no_commit(model: Path) -> None:
    """The test session is offline."""
    assert resolve_commit(str(model)) is None
    assert resolve_commit("ada/tiny") is None
    assert resolve_commit("no such name") is None
    assert resolve_commit("ada/tiny", "0123456789abcdef" * 2 + "01234567") is not None
