"""No token, key or home path survives redaction, and ordinary text does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlm_pretrain import redaction
from mlm_pretrain.redaction import MARK, Finding, find_secrets, redacted, redacted_values

# Put together here, so that this file passes the scanners that look for such things.
HUB = "hf_" + "a1B2" * 8
SECRETS = {
    "Hugging Face token": HUB,
    "Hugging Face login": "hf_" + "oauth_" + "eyJhbGciOi.JSUzI1NiIsInR5cCI6-_" * 2,
    "Hugging Face organisation token": "api_" + "org_" + "Ab3" * 10,
    "AWS key": "AKIA" + "ABCDEFGH12345678",
    "AWS session key": "ASIA" + "ABCDEFGH12345678",
    "OpenAI key": "sk-" + "Ab12" * 12,
    "OpenAI project key": "sk-" + "proj-" + "Ab1_-" * 8,
    "GitHub token": "ghp_" + "Ab12" * 9,
    "GitHub fine-grained token": "github_" + "pat_" + "Ab12_" * 8,
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "private key cut off": "-----BEGIN PRIVATE KEY-----\nMIIEow",
}
HARMLESS = (
    "a task-specific-fine-tuning-of-everything model, risk-adjusted-returns-for-everyone",
    '<div class="sk-toggleable__label-arrow-right">',
    "half_precision hf_model hf_hub_download HfArgumentParser",
    "https://huggingface.co/ada/tiny:main and git@github.com:ada/tiny.git at 10:30@home",
    "MAKIABCDEFGH12345678X is a word",
)


@pytest.mark.fault("secrets")
@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("around", ["{}", "key={}", 'x "{}", y', "https://me:{}@host/", "ünï{} "])
def test_a_secret_is_struck_out(name: str, around: str) -> None:
    secret = SECRETS[name]
    cleaned = redacted(around.format(secret))
    assert secret not in cleaned
    assert "MIIEow" not in cleaned
    assert MARK in cleaned


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_stays(text: str) -> None:
    assert redacted(text) == text


def test_what_follows_a_key_and_a_login_stays() -> None:
    assert redacted(f"a {SECRETS['private key']} b") == f"a {MARK} b"
    assert (
        redacted("git clone https://ada:pa55@host.org/x") == f"git clone https://{MARK}@host.org/x"
    )


@pytest.mark.fault("secrets")
@pytest.mark.parametrize("variable", redaction.TOKEN_VARIABLES)
def test_the_value_of_a_token_variable(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, " plain-word-9 \n")
    assert redacted("is plain-word-9.") == f"is {MARK}."
    monkeypatch.setenv(variable, "short")
    assert redacted("is short.") == "is short."


def test_a_token_within_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "tokentoken")
    assert redacted("a tokentokenlonger b", ["tokentokenlonger"]) == f"a {MARK} b"


@pytest.mark.fault("secrets")
@pytest.mark.parametrize(
    ("home", "text", "cleaned"),
    [
        ("/root", "/root /root/data /rootfs /root2", "~ ~/data /rootfs /root2"),
        ("/root", "in /root. /root.bak ./root /mnt/root a/root", "in ~. /root.bak ./root /mnt/root a/root"),
        ("/root", "file:///root/x 'PATH=/bin:/root/bin'", "file://~/x 'PATH=/bin:~/bin'"),
        ("/home/ada", "/home/ada, /home/adam, /home/ada-2", "~, /home/adam, /home/ada-2"),
        ("/", "/ /x", "/ /x"),
    ],
)  # fmt: skip
def test_the_home_folder(
    home: str, text: str, cleaned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    assert redacted(text) == cleaned


def test_values_for_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    values = {"a": [HUB, {"/home/ada/k": ("x", Path("/home/ada/y"))}], "n": 1, "none": None}
    assert redacted_values(values) == {"a": [MARK, {"~/k": ("x", "~/y")}], "n": 1, "none": None}
    json.dumps(redacted_values(values))


@pytest.mark.fault("secrets")
@settings(max_examples=200, deadline=None)
@given(
    before=st.text(max_size=20),
    token=st.text("abcdefXYZ0123456789", min_size=20, max_size=60),
    after=st.text(max_size=20),
)
def test_no_text_around_a_token_saves_it(before: str, token: str, after: str) -> None:
    for secret in (f"hf_{token}", f"ghp_{token}"):
        cleaned = redacted(before + secret + after)
        assert secret not in cleaned
        assert redacted(cleaned) == cleaned


@settings(max_examples=200, deadline=None)
@given(text=st.text("abc /.:@-_\n", max_size=80))
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert redacted(text) == text or "://" in text


@pytest.mark.fault("secrets")
def test_a_scan_gives_lines_and_kinds_and_never_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    lines = [
        "# Model",
        f"token {HUB}",
        "in /home/ada/runs",
        "",
        "key 0123456789abcdef",
        "/home/adam",
    ]
    (tmp_path / "README.md").write_text("\n".join(lines), encoding="utf-8")
    found = find_secrets(tmp_path / "README.md")
    assert found == [
        Finding(2, "Hugging Face token"),
        Finding(3, "path of the home folder"),
        Finding(5, "token in use"),
    ]
    (tmp_path / "README.md").write_text("\n".join(HARMLESS), encoding="utf-8")
    assert find_secrets(tmp_path / "README.md") == []


@pytest.mark.fault("secrets")
@pytest.mark.parametrize("name", SECRETS)
def test_a_scan_finds_each_kind(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"x": 1, "y": SECRETS[name]}, indent=1))
    assert [finding.position for finding in find_secrets(tmp_path / "config.json")] == [3]


def test_a_scan_finds_a_login_given_by_value(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("my-own-login")
    assert find_secrets(tmp_path / "x.json") == []
    assert find_secrets(tmp_path / "x.json", ["my-own-login"]) == [Finding(1, "token in use")]


def test_a_home_of_everybody_may_stand_in_a_vocabulary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where /root is home, the word alone says nothing; a path in it does."""
    monkeypatch.setenv("HOME", "/root")
    (tmp_path / "vocab.txt").write_text("/root\n/rootfs\n")
    assert find_secrets(tmp_path / "vocab.txt") == []
    (tmp_path / "config.json").write_text('{"data": "/root/data"}')
    assert find_secrets(tmp_path / "config.json") == [Finding(1, "path of the home folder")]


@pytest.mark.fault("secrets")
@pytest.mark.parametrize("block", [5, 64, 100])
@pytest.mark.parametrize("suffix", ["json", "safetensors"])
def test_a_scan_in_blocks_finds_the_same(
    block: int, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a block ends, in a secret or at the border that decides about one."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setattr(redaction, "_OVERLAP_BYTES", 64)
    path = tmp_path / f"x.{suffix}"
    for shift in range(0, 70, 3):
        text = "\n" * shift + f"x {HUB} y\n/home/adam /home/ada.bak\nz {HUB}\n"
        path.write_text(text)
        monkeypatch.setattr(redaction, "_BLOCK_BYTES", 1 << 20)
        whole = find_secrets(path)
        monkeypatch.setattr(redaction, "_BLOCK_BYTES", block)
        assert find_secrets(path) == whole
        first = [shift + 1, shift + 3] if suffix == "json" else [shift + 2, text.rindex("hf_")]
        assert [finding.position for finding in whole] == first


def test_weights_are_searched_for_hub_tokens_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    content = b"\x00".join(secret.encode() for secret in SECRETS.values())
    path.write_bytes(os.urandom(3_000_000) + content)
    kinds = {finding.kind for finding in find_secrets(path)}
    assert kinds == {"Hugging Face token", "Hugging Face organisation token"}
    assert find_secrets(path)[0].position == 3_000_000


def test_a_file_full_of_tokens_gives_a_few(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f"{HUB}\n" * 1000)
    assert [finding.position for finding in find_secrets(tmp_path / "x.json")] == list(range(1, 21))


@pytest.mark.fault("secrets")
@pytest.mark.parametrize("name", ["spm.model", "source.spm"])
def test_of_a_sentencepiece_file_the_bytes_are_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the text that it was made from."""
    monkeypatch.setenv("HOME", "/home/ada")
    pieces = b"\n\x0e\n\x05\xe2\x96\x81at\x15\x00\x00\x80\xbf" * 9
    (tmp_path / name).write_bytes(pieces + b"\x12\x0f\n\x12/home/ada/text.txt\x12")
    place = len(pieces) + 4
    assert find_secrets(tmp_path / name) == [Finding(place, "path of the home folder")]
    assert redaction.is_binary(name)
