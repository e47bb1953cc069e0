"""How numbers are said: points, intervals, times."""

from __future__ import annotations

from collections.abc import Mapping

_METRICS = {
    "f1": "F1", "f1_macro": "macro F1", "f1_micro": "micro F1", "exact_match": "exact match",
    "matthews": "Matthews correlation", "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
}  # fmt: skip
_MINUTE, _HOUR = 60, 3_600
# The shortest time said in the next larger unit.
_FROM_MINUTES, _FROM_HOURS = 90, 2 * _HOUR


def metric_name(metric: str) -> str:
    """`f1` → `F1`."""
    return _METRICS.get(metric, metric)


def percent(share: float) -> str:
    """A score in percent."""
    return f"{100 * share:.1f}".replace("-", "−")


def signed(share: float) -> str:
    """A difference of scores in points: +1.8, −0.4, 0.0."""
    text = f"{100 * share:+.1f}"
    return text[1:] if text in ("+0.0", "-0.0") else text.replace("-", "−")


def interval(low: float, high: float) -> str:
    """`0.6 to 3.0`."""
    low_text, high_text = (signed(value).replace("+", "") for value in (low, high))
    return f"{low_text} to {high_text}"


def p_text(value: float) -> str:
    """A p-value."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float) -> str:
    """`40 seconds`, `54 minutes`, `2.3 hours`."""
    if seconds < _FROM_MINUTES:
        number, unit = f"{seconds:.0f}", "second"
    elif seconds < _FROM_HOURS:
        number, unit = f"{seconds / _MINUTE:.0f}", "minute"
    else:
        number, unit = f"{seconds / _HOUR:.1f}", "hour"
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def cost_text(cost: Mapping[str, float]) -> str:
    """What making a variant took, as far as anyone said: `54 minutes, 1,200,000 tokens`."""
    parts = [duration(cost["seconds"])] if "seconds" in cost else []
    parts += [f"{cost['tokens']:,.0f} tokens"] if "tokens" in cost else []
    parts += [f"{cost['text_bytes'] / 1e6:,.1f} MB of text"] if "text_bytes" in cost else []
    return ", ".join(parts)
