"""The oldest versions that may be installed carry the repairs that SECURITY.md names."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
ROWS = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", (ROOT / "SECURITY.md").read_text("utf-8"), re.M)


def required() -> dict[str, Requirement]:
    """The dependencies in pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)
    assert listed
    found = (Requirement(line) for line in re.findall(r'"(.+?)"', listed[1]))
    return {requirement.name: requirement for requirement in found}


@pytest.mark.parametrize(("name", "least"), ROWS)
def test_repaired_versions_are_asked_for_and_installed(name: str, least: str) -> None:
    allowed = required()[name].specifier
    (lowest,) = (Version(part.version) for part in allowed if part.operator == ">=")
    assert lowest >= Version(least)
    assert Version(metadata.version(name)) >= Version(least)


def test_the_table_is_not_empty() -> None:
    assert {"torch", "transformers"} <= {name for name, _ in ROWS}
