"""The page: well formed, fetches nothing, and holds what worth.json holds."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from answers import Answer

from mlm_pretrain.worth.gain_drawing import gain_drawing
from mlm_pretrain.worth.wording import interval, percent, signed

_VOID = {"meta", "br", "line", "circle", "polyline"}


class _Page(HTMLParser):
    """Checks that tags are closed in order; keeps texts, cells and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.texts: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


@pytest.fixture(scope="module")
def html(answer: Answer) -> str:
    return (answer.out / "worth.html").read_text(encoding="utf-8")


def test_it_fetches_and_runs_nothing(html: str) -> None:
    page = _Page(html)
    assert not re.search(r"<(script|link|img|iframe|object)|@import|url\(|https?:|src=", html)
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert [name for name, _ in page.tags].count("h1") == 1


def _numbers(result: dict[str, Any]) -> list[str]:
    """What a cell must hold of worth.json."""
    found = []
    for one in result["comparisons"]:
        found += [signed(one["difference"]), interval(one["low"], one["high"]), one["verdict"]]
        if one["per_hour"] and one["verdict"] != "not shown":
            hourly = one["per_hour"]
            found.append(f"{signed(hourly['gain'])} ({interval(hourly['low'], hourly['high'])})")
    for task in result["tasks"].values():
        for scores in task["scores"].values():
            found += map(percent, [*scores["test"], *scores["validation"], scores["mean"]])
        found += [role["xxh3_128"][:16] for role in task["data"].values()]
    found += map(signed, result["keep"]["validation_gains"].values())
    for variant in result["variants"].values():
        found += [variant["model"], variant["content_hash"][:16], f"{variant['parameters']:,}"]
    for curves in result["labels"].values():
        found += [percent(sum(s) / len(s)) for of in curves["scores"].values() for s in of.values()]
    return [*found, "54 minutes", "2.125", "2.500", "+0.375", "16 labels or fewer, of 32"]


def test_it_holds_every_number_and_sentence(html: str, answer: Answer) -> None:
    page = _Page(html)
    assert [number for number in _numbers(answer.result) if number not in page.cells] == []
    for sentence in [*answer.result["sentences"], answer.result["keep"]["sentence"]]:
        assert sentence in page.texts
    everything = " ".join(page.texts)
    for told in (*answer.result["cautions"], answer.result["versions"]["torch"], "Holm"):
        assert told in everything
    assert "a <b>bold</b> one" in page.cells and "<b>" not in html  # a note is no markup


def test_the_text_holds_the_same_tables(answer: Answer) -> None:
    text = (answer.out / "worth.md").read_text(encoding="utf-8")
    cells = {cell.strip() for line in text.splitlines() for cell in line.split("|")}
    assert [number for number in _numbers(answer.result) if number not in cells] == []
    assert f"**{answer.result['sentences'][0]}**" in text and "<svg" not in text


def test_who_cannot_see_it_is_told(html: str, answer: Answer) -> None:
    page = _Page(html)
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) == 2  # scores and gain over cost
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in drawings:
        assert attributes["role"] == "img"
        assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
    scopes = [attributes.get("scope") for tag, attributes in page.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}
    gain = answer.result["comparisons"][0]
    told = (
        f"DAPT: {signed(gain['difference'])} ({interval(gain['low'], gain['high'])}) for 54 minutes"
    )
    assert any(told in text for text in page.texts)


def test_a_point_a_seed_and_a_mark_a_variant(html: str) -> None:
    scores, gain = re.findall(r"<svg.*?</svg>", html)
    assert scores.count("<circle") == 3 * (3 + 1)  # three variants: three seeds and the mean
    assert scores.count("<polyline") == 2 * 3  # the same seed of neighbours
    assert gain.count("<circle") == 3  # the base is where nothing is spent or gained


def test_a_cost_nobody_said_is_not_drawn() -> None:
    gains = [
        {"variant": name, "against": "base", "metric": "f1", "difference": 0.01, "low": 0.0, "high": 0.02}
        for name in ("a", "b")
    ]  # fmt: skip
    assert gain_drawing("g", "ner", gains, {}) == ""
    assert gain_drawing("g", "ner", gains, {"b": 30.0}).count("<circle") == 2
