"""worth.html and worth.md: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlm_pretrain.manifest import write_text
from mlm_pretrain.report import Block, Bullets, Heading, Paragraph, document, page
from mlm_pretrain.worth.page_parts import (
    against_the_base,
    against_the_controls,
    figures_by_seed,
    labels_part,
    provenance,
    selection,
    what_was_forgotten,
)

TITLE = "Was it worth it?"
PAGE, TEXT = "worth.html", "worth.md"


def write_pages(result: Mapping[str, Any], out: Path) -> None:
    """Both files into `out`, from what worth.json holds and nothing else."""
    blocks = blocks_of(result)
    write_text(out / PAGE, page(TITLE, blocks))
    write_text(out / TEXT, document(TITLE, blocks))


def blocks_of(result: Mapping[str, Any]) -> list[Block]:
    """All of the page but its title."""
    first, *more = result["sentences"]
    return [
        Paragraph(first, "lead"),
        *(Paragraph(sentence) for sentence in more),
        Paragraph(result["keep"]["sentence"]),
        *(
            [Bullets([f"Caution: {text}" for text in result["cautions"]])]
            if result["cautions"]
            else []
        ),
        *against_the_base(result),
        *against_the_controls(result),
        *selection(result),
        *labels_part(result),
        *what_was_forgotten(result),
        *figures_by_seed(result),
        *_how_to_read(result),
        *provenance(result),
    ]


def _how_to_read(result: Mapping[str, Any]) -> list[Block]:
    sizes = {family: one["comparisons"] for family, one in result["families"].items()}
    asked = f"{sizes['gain']} with the base" + (
        f" and, a family of its own, {sizes['domain']} with controls" if "domain" in sizes else ""
    )
    return [
        Heading("How to read this"),
        Bullets([
            "A difference is of mean scores over seeds, in points. Every variant was fine-tuned with the "
            "same settings, labels and order; seed by seed they are paired.",
            "An interval holds the difference in 95 of 100 cases, over test examples (questions are "
            "drawn by paragraph) and seeds. Each is for its comparison alone.",
            f"p is corrected by Holm's method within a family of comparisons: {asked}. Where nothing "
            "differs, the chance of even one false better or worse in a family is at most 5 %.",
            "Not shown does not mean no difference: the interval says how large one may be.",
            "The validation files chose the epoch of each run and the order of the variants; differences "
            "and scores are of the files named at each task.",
            "\"Shows with\" says with how many seeds a difference of this size would show, or, where no "
            "number of them would do, with about how many examples.",
            "Gain an hour, where a gain is shown, divides it by the training time: it compares variants and "
            "promises nothing for longer trainings.",
        ]),
    ]  # fmt: skip
