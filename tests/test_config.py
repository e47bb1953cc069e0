"""Settings: what is wrong is named with the nearest right thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, model_validator

from mlm_pretrain.config import StrictConfig, build_config, load_config, set_value
from mlm_pretrain.errors import InputError


class Inner(StrictConfig):
    learning_rate: float = Field(1e-3, gt=0)
    steps: int | None = None


class Outer(StrictConfig):
    name: str = "x"
    kind: Literal["mlm", "clm"] = "mlm"
    flag: bool = False
    inner: Inner = Inner()
    other: Inner | None = None
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _order(self) -> Outer:
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "recipe.yaml"


def refusal(file: Path, text: str, *overrides: str) -> str:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_config(Outer, file, overrides)
    return caught.value.problem


def test_values_are_read_with_their_types(file: Path) -> None:
    file.write_text("name: a\nflag: true\ninner:\n  learning_rate: 2\n  steps: 5\n")
    expected = Outer(name="a", flag=True, inner=Inner(learning_rate=2.0, steps=5))
    assert load_config(Outer, file) == expected


@pytest.mark.fault("unknown-setting")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nam: a", "unknown setting 'nam' (did you mean 'name'?)"),
        (
            "inner:\n  learing_rate: 1.0",
            "unknown setting 'inner.learing_rate' (did you mean 'learning_rate'?)",
        ),
        ("other:\n  step: 1", "unknown setting 'other.step' (did you mean 'steps'?)"),
        ("inner:\n  zzz: 1", "unknown setting 'inner.zzz' (known: learning_rate, steps)"),
        (
            "inner:\n  learning_rate: 1e-4",
            "'inner.learning_rate' is the text '1e-4', not a number (YAML needs 1.0e-4",
        ),
        ("inner:\n  steps: ten", "'inner.steps' is the text 'ten', not a number"),
        ("inner:\n  steps: 1.5", "'inner.steps': Input should be a valid integer (got 1.5)"),
        ("inner:\n  learning_rate: -1.0", "'inner.learning_rate': Input should be greater than 0 (got -1.0)"),
        ("name: no", "'name': Input should be a valid string (got False; yes, no, on and off are true"),
        ("name: 5", "'name': Input should be a valid string (got 5)"),
        ("kind: ml", "'kind': Input should be 'mlm' or 'clm' (got 'ml')"),
        ("flag: 1", "'flag': Input should be a valid boolean"),
        ("low: 3", "low must not exceed high"),
    ],
)  # fmt: skip
def test_mistakes_are_named(file: Path, text: str, message: str) -> None:
    problem = refusal(file, text)
    assert problem.startswith(f"{file}: {message}")


def test_all_mistakes_are_told_at_once(file: Path) -> None:
    assert refusal(file, "nam: a\nflagg: true").count("did you mean") == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected `key: value` lines"),
        (b"- a\n- b\n", "expected `key: value` lines"),
        (b"a: [1\n", "not valid YAML"),
        (b"a: \xff\xfe", "is not UTF-8 text (byte 3)"),
    ],
)
def test_files_that_hold_no_settings(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_config(Outer, file)
    assert caught.value.problem.startswith(f"{file}: {message}")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such config file\n.*recipes/"):
        load_config(Outer, tmp_path / "none.yaml")
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be read"):
        load_config(Outer, tmp_path)


def test_overrides_reach_into_sections(file: Path) -> None:
    file.write_text("inner:\n  steps: 5\n")
    overrides = ["inner.learning_rate=1e-4", "inner.steps=null", "name=a=b", "other.steps=7"]
    assert load_config(Outer, file, [*overrides, "flag=true", "kind=clm"]) == Outer(
        name="a=b", flag=True, kind="clm", inner=Inner(learning_rate=1e-4), other=Inner(steps=7)
    )


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("steps", "--set steps: expected key=value"),
        ("=5", "--set =5: expected key=value"),
        ("name.x=1", "--set name.x=1: 'name' is a value, not a section"),
        ("name=[1", "--set name=[1: the value is not valid YAML"),
    ],
)
def test_overrides_that_cannot_be_applied(file: Path, item: str, message: str) -> None:
    assert refusal(file, "name: a", item) == message


def test_overrides_reach_into_lists_by_name() -> None:
    values: dict[str, Any] = {"parts": [{"name": "a", "inner": {"x": 1}}, {"name": "b"}]}
    for item in ("parts.b.steps=3", "parts.a.inner.x=2"):
        set_value(values, item)
    assert values["parts"] == [{"name": "a", "inner": {"x": 2}}, {"name": "b", "steps": 3}]
    with pytest.raises(InputError, match=r"no 'c' in this list\n.*it has a, b"):
        set_value(values, "parts.c.steps=3")
    with pytest.raises(InputError, match=r"'parts' is a list.*\n.*parts.NAME.steps=3"):
        set_value(values, "parts.steps=3")


def test_unknown_overrides_are_found_by_the_config(file: Path) -> None:
    assert "did you mean 'steps'" in refusal(file, "name: a", "inner.stepps=3")


def test_values_are_read_as_yaml() -> None:
    values: dict[str, object] = {}
    for item in ("a=1", "b=1e-4", "c=[1, x]", "d=", "e=1.0", "f=text"):
        set_value(values, item)
    assert values == {"a": 1, "b": 1e-4, "c": [1, "x"], "d": None, "e": 1.0, "f": "text"}
    assert type(values["a"]) is int


def test_defaults_are_validated_too() -> None:
    class Wrong(StrictConfig):
        steps: int = "5"  # type: ignore[assignment]

    with pytest.raises(InputError, match="'steps' is the text '5'"):
        build_config(Wrong, {}, "flags")
