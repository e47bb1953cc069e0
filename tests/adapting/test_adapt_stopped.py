"""An adaptation that is stopped, by Ctrl-C or a full disk: what is said of how to go on is true."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import package_process
import pytest
import yaml
from small import settings, write_documents

from mlm_pretrain.adapting.places import Places
from mlm_pretrain.adapting.texts import gather_texts
from mlm_pretrain.errors import InputError


@pytest.mark.fault("signals")
@pytest.mark.parametrize(
    "place", ["texts/domain-train.jsonl", "runs/dapt/checkpoint-*/manifest.json"]
)
def test_with_overwrite_the_same_command_would_begin_again(
    place: str, texts: list[str], base: Path, tmp_path: Path
) -> None:
    """While texts are gathered, and in a training that saves its state."""
    write_documents(tmp_path / "domain.jsonl", texts[:30])
    pretrain = {
        "batch_size": 4,
        "precision": "fp32",
        "attention": "masks",
        "checkpoint_minutes": 1e-4,
    }
    config = settings(tmp_path, base, steps=5000, pretrain=pretrain)
    path, out = tmp_path / "recipe.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_defaults=True)))
    command = ["-m", "mlm_pretrain", "adapt", "--config", str(path), "--overwrite"]
    done = package_process.signal_when(command, lambda: any(out.glob(place)), signal.SIGINT)
    assert done.returncode == 130, done.stderr[-3000:]
    assert "the same command without --overwrite goes on from there" in done.stderr
    assert (out / "adaptation.json").is_file()


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from mlm_pretrain.__main__ import main
sys.argv = ["mlm-pretrain", *sys.argv[1:]]
main()
"""


@pytest.mark.fault("disk-full")
def test_a_disk_that_fills_up_while_texts_are_gathered(
    texts: list[str], base: Path, tmp_path: Path
) -> None:
    """A limit on file size stands in for it: the write itself fails."""
    corpus, out = write_documents(tmp_path / "domain.jsonl", texts), tmp_path / "out"
    assert Path(corpus).stat().st_size > 200_000
    words = ["adapt", "--model", str(base), "--corpus", corpus, "--out", str(out), "--dry-run"]
    done = package_process.run(["-c", FULL, *words])
    assert done.returncode == 2, done.stderr[-3000:]
    assert f"error: {out / 'texts'}: cannot be written further" in done.stderr
    assert "without --overwrite, goes on from there" in done.stderr
    assert not list((out / "texts").iterdir())


@pytest.mark.fault("disk-full")
def test_text_that_does_not_fit_on_the_disk_is_refused_before_it_is_read(
    texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, places = write_documents(tmp_path / "domain.jsonl", texts), Places(tmp_path / "out")
    places.root.mkdir()
    room = shutil.disk_usage(tmp_path)._replace(free=Path(corpus).stat().st_size)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: room)
    with pytest.raises(InputError, match=r"texts: needs about [\d.]+ GB") as refused:
        gather_texts(settings(tmp_path, "base"), None, places)
    assert "--set read.limit_bytes" in refused.value.way_out
    assert not places.texts.exists()
    limited = settings(tmp_path, "base", read={"limit_bytes": room.free // 2})
    assert gather_texts(limited, None, places)["domain"]["read"]["stopped_at_limit"] == 1
