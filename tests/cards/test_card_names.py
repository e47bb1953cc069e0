"""Others read names of models, texts and commands without the folders they lie in; and a licence is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlm_pretrain.cards import Licence, base_licence, hub_name, shown_command, shown_name

HERE = "data/secret/x.jsonl"


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a file of that relative name."""
    monkeypatch.chdir(tmp_path)
    Path(HERE).parent.mkdir(parents=True)
    Path(HERE).write_text("")


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("/srv/secret/model", "model"),
        ("~/secret/model/", "model"),
        ("../secret/model", "model"),
        ("./secret/my folder/model", "model"),
        (r"C:\Users\secret\model", "model"),
        (HERE, "x.jsonl"),
        ("data/secret", "secret"),
        ("a/secret/gone", "gone"),
        ("--out=/srv/secret/out", "--out=out"),
        ("ner:/srv/secret/bc5cdr", "ner:bc5cdr"),
        (f"ner:{HERE}", "ner:x.jsonl"),
        ('corpus=["/srv/secret/a.txt", "~/secret/b"]', '\'corpus=["a.txt", "b"]\''),
        ("/", "."),
        # What is no path stays.
        ("bert-base-uncased", "bert-base-uncased"),
        ("ada/tiny", "ada/tiny"),
        ("hf:org/name:config@train#main", "'hf:org/name:config@train#main'"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("{text} and/or {mask} a / b.", "'{text} and/or {mask} a / b.'"),
        ("pretrain.steps=100", "pretrain.steps=100"),
        ("token=" + "hf_" + "a1B2" * 8, "token=[redacted]"),
    ],
)
def test_a_word_of_a_command(word: str, shown: str) -> None:
    assert shown_command(["mlm-pretrain", word]) == f"mlm-pretrain {shown}"


def test_names_of_models_and_texts() -> None:
    assert hub_name("ada/tiny") == "ada/tiny"
    for name in (None, "data/secret", "/srv/gone", "~/gone", "a/b/c", "x" * 5000 + "/" * 3, "\0"):
        assert hub_name(name) is None
    assert shown_name("/srv/secret/model") == "model"
    assert shown_name("ada/tiny") == "ada/tiny"
    assert shown_name("hf:ada/texts@train") == "hf:ada/texts@train"


@pytest.mark.parametrize(
    ("front", "licence"),
    [
        ("license: mit", Licence(id="mit", origin="base")),
        ("license: [mit]", Licence(id="mit", origin="base")),
        (
            "license: other\nlicense_name: mine\nlicense_link: LICENSE",
            Licence(id="other", name="mine", link="LICENSE", origin="base"),
        ),
        ("license: [mit, apache-2.0]", None),
        ("license: My Own Words", None),
        ("license: 3", None),
        ("tags: [a]", None),
        ("license: [", None),
    ],
)
def test_the_licence_is_what_the_base_models_card_says(
    front: str, licence: Licence | None, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n# Model\n", encoding="utf-8")
    assert base_licence(str(tmp_path)) == licence


def test_no_card_no_licence(tmp_path: Path) -> None:
    """The session is offline, and knows nothing of that name."""
    assert base_licence(str(tmp_path)) is None
    assert base_licence("ada/never-downloaded") is None
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert base_licence(str(tmp_path)) is None
