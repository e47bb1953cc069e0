"""Curves as a drawing that stands in a page without anything fetched."""

from __future__ import annotations

import io

from benchmarks.report_sections import Section


def drawing(section: Section) -> str:
    """An <svg> of scores over labels, with a band of one standard deviation; "" where nothing is drawn.

    Raises:
        SystemExit: when matplotlib is not installed.
    """
    if not section.curves:
        return ""
    try:
        from matplotlib import rcParams
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("curves need matplotlib: pip install 'mlm-pretrain[plots]'") from None
    rcParams["svg.hashsalt"] = section.title  # the same drawing from the same record, to the byte
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, points in section.curves.items():
        labels, means, deviations = (list(column) for column in zip(*points, strict=True))
        axes.plot(labels, means, marker="o", label=name)
        low = [mean - spread for mean, spread in zip(means, deviations, strict=True)]
        high = [mean + spread for mean, spread in zip(means, deviations, strict=True)]
        axes.fill_between(labels, low, high, alpha=0.2)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set(xlabel="labels", ylabel=section.unit)
    axes.legend()
    axes.grid(alpha=0.3)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
