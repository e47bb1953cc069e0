"""Blocks as one HTML file: nothing is fetched, nothing is run; light and dark, on a phone and on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from mlm_pretrain.report.blocks import Block, Bullets, Code, Drawing, Heading, Paragraph, Table

# Wide tables scroll within themselves. Drawings take the colour of the text, so they follow light and dark.
_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1b1d20;--faint:#5a6068;--line:#c9cdd2;--panel:#f2f4f6}
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--text:#e6e8ea;--faint:#a3a9b0;--line:#43484e;
--panel:#202327}}
body{font:16px/1.5 system-ui,sans-serif;max-width:56em;margin:1.5em auto;padding:0 1em;color:var(--text);
background:var(--ground);overflow-wrap:break-word}
h1{font-size:1.7em;line-height:1.2}h2{font-size:1.25em;margin-top:2em}
.lead{font-size:1.15em;padding:.7em 1em;background:var(--panel);border-left:.3em solid currentColor}
.small,figcaption,caption{color:var(--faint);font-size:.9em}
code{font:.9em ui-monospace,monospace;background:var(--panel);padding:.1em .3em;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:1em 0}table{border-collapse:collapse}caption{text-align:left;padding:.3em 0}
td,th{padding:.3em .8em .3em 0;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}
td:first-child,th:first-child{text-align:left}thead th{border-bottom:2px solid var(--line)}
tbody th{font-weight:500}figure{margin:1em 0}svg{display:block;width:100%;max-width:34em;height:auto}
@media print{:root{--ground:#fff;--text:#000;--faint:#333;--line:#888;--panel:#fff}body{max-width:none;
font-size:10pt;margin:0}figure,tr{break-inside:avoid}h2{break-after:avoid}.wide{overflow:visible}
svg{max-width:26em}}
""".replace("\n", "")


def page(title: str, blocks: Iterable[Block]) -> str:
    """A whole file."""
    body = "\n".join(_block(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        f"<main>\n<h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text, kind):
            return f'<p class="{kind}">{escape(text)}</p>'
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Code(text):
            return f"<p><code>{escape(text)}</code></p>"
        case Table():
            return _table(block)
        case Drawing(svg, caption):
            told = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
            return f"<figure>{svg}{told}</figure>"


def _table(table: Table) -> str:
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head)
    rows = "\n".join(f"<tr>{_row(row)}</tr>" for row in table.rows)
    # Whoever has no mouse scrolls it with the keyboard.
    label = escape(table.caption or "table", quote=True)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>{caption}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _row(cells: Sequence[str]) -> str:
    first, *rest = (escape(cell) for cell in cells)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)
