"""Templates of cards, which lie beside this file, and how they write numbers and names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

_HERE = Path(__file__).parent
UNKNOWN = "not recorded"


def rendered(template: str, **facts: Any) -> str:
    """The text of a template with `facts` in it."""
    # Markdown, not HTML, so nothing is escaped.
    environment = Environment(
        autoescape=False, loader=FileSystemLoader(_HERE), keep_trailing_newline=True
    )
    environment.filters.update(count=count, number=number, change=change, cell=cell, tidy=tidy)
    return environment.get_template(template).render(**facts)


def count(value: int | None) -> str:
    """A number of things, in thousands."""
    return UNKNOWN if value is None else f"{value:,}"


def number(value: float | None) -> str:
    """A score or a setting, to four digits."""
    return UNKNOWN if value is None else f"{value:.4g}"


def change(value: float | None) -> str:
    """A difference, with its sign, to three digits."""
    return UNKNOWN if value is None else f"{value:+.3g}"


def cell(value: object) -> str:
    """Any text, as a cell of a table can hold it."""
    return " ".join(str(value).split()).replace("|", "\\|")


def tidy(card: str) -> str:
    """Without the rows of empty lines that sections leave which are not there."""
    return re.sub(r"\n{3,}", "\n\n", card).strip() + "\n"
