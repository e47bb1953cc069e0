"""Blocks as HTML and as Markdown, and the scales of drawings."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from mlm_pretrain.report import Bullets, Code, Drawing, Heading, Paragraph, Table, document, page
from mlm_pretrain.report.svg import dot, frame, scale_of, shortened, words

_BLOCKS = [
    Paragraph("first", "lead"),
    Heading("A & B"),
    Table(["name", "score"], [["a|b", "<1"]], "all of it"),
    Bullets(["one", "two"]),
    Code("run --it"),
    Drawing("<svg/>", "seen"),
]


def test_markdown() -> None:
    assert document("Title", _BLOCKS) == (
        "# Title\n\n**first**\n\n## A & B\n\nall of it\n\n| name | score |\n| --- | --- |\n| a\\|b | <1 |\n\n"
        "- one\n- two\n\n`run --it`\n"
    )


def test_html_escapes_what_is_text_and_labels_its_tables() -> None:
    text = page("<T>", _BLOCKS)
    assert "<h1>&lt;T&gt;</h1>" in text and "<h2>A &amp; B</h2>" in text
    assert '<th scope="row">a|b</th><td>&lt;1</td>' in text
    assert "<caption>all of it</caption>" in text and 'aria-label="all of it"' in text
    assert "<figure><svg/><figcaption>seen</figcaption></figure>" in text
    for told in ("width=device-width", "prefers-color-scheme:dark", "@media print", 'lang="en"'):
        assert told in text


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0, 100], [0, 20, 40, 60, 80, 100]),
        ([-5.2, 4.9], [-4, -2, 0, 2, 4]),
        ([0.51, 0.53], [0.51, 0.515, 0.52, 0.525, 0.53]),
        ([0, 0], [-0.01, -0.005, 0, 0.005, 0.01]),  # nothing to tell apart
    ],
)
def test_ticks_are_round_and_few(values: list[float], ticks: list[float]) -> None:
    scale = scale_of(values, 10, 110)
    assert scale.ticks() == pytest.approx(ticks)
    assert 10 <= scale.at(min(values)) <= scale.at(max(values)) <= 110
    assert scale.at(scale.low) == 10 and scale.at(scale.high) == 110


def test_a_drawing_is_well_formed_and_says_what_it_shows() -> None:
    text = frame(100, 50, "d", "a < b", "all & more", [dot(1, 2.5), words(0, 0, "<name>")])
    root = ElementTree.fromstring(text)
    assert (root.tag, root.attrib["viewBox"]) == ("svg", "0 0 100 50")
    assert [child.text for child in root][:2] == ["a < b", "all & more"]
    assert root.find("text").text == "<name>"  # type: ignore[union-attr]
    assert shortened("abcdef", 4) == "abc…" and shortened("abcd", 4) == "abcd"
