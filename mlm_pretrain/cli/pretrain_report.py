"""What `mlm-pretrain pretrain` prints: its plan, what it did, what to do next."""

from __future__ import annotations

from typing import Any

from mlm_pretrain.cli.output import finetuning, table
from mlm_pretrain.cli.push import pushed_line


def planned(facts: dict[str, Any]) -> list[str]:
    """A plan as a table, with a column for each phase where there are several."""
    phases = facts.get("phases")
    if phases is None:
        return table(["plan", "value"], [[k, _text(v)] for k, v in facts.items()])
    names = list(dict.fromkeys(name for plan in phases.values() for name in plan))
    columns = [*phases.values(), facts]
    rows = [[name, *(_text(column.get(name, "")) for column in columns)] for name in names]
    return table(["plan", *phases, "all"], rows)


def trained(result: dict[str, Any]) -> list[str]:
    """How much was trained, of each phase too, how well it predicts, and where it lies."""
    lines = [
        f"trained {result['model']} ({result['parameters']:,} parameters): {result['steps']:,} steps, "
        f"{result['tokens']:,} tokens in {result['seconds']:,.0f} s "
        f"({result['tokens_per_second']:,} tokens/s, {result['precision']})"
    ]
    lines += [_phase(part) for part in result.get("phases", ())]
    if "validation" in result:
        score = result["validation"]
        others = {f" as {name}": part for name, part in score.items() if isinstance(part, dict)}
        lines += [
            f"validation loss{way} {part['loss_nats']:.4f}, perplexity {part['perplexity']:.2f}"
            for way, part in {"": score, **others}.items()
        ]
    if "trained_parameters" in result:
        lines.append(f"weights that learnt: {result['trained_parameters']:,}")
    if "replay" in result:
        lines.append(_replay(result["replay"]))
    if "forgetting" in result:
        lines += _forgetting(result["forgetting"])
    if "probes" in result:
        lines.append(_probes(result["probes"], result.get("weights_step")))
    lines.append(f"wrote {result.get('model_folder', result['out'])}")
    return [*lines, *([pushed_line(result["pushed"])] if "pushed" in result else [])]


def _phase(part: dict[str, Any]) -> str:
    loss = (
        f", validation loss {part['validation']['loss_nats']:.4f}" if "validation" in part else ""
    )
    return (
        f"  {part['name']}: {part['steps']:,} steps, {part['tokens']:,} tokens in "
        f"{part['seconds']:,.0f} s{loss}"
    )


def _replay(found: dict[str, Any]) -> str:
    share = f"{found['share']:.2f}"
    if found["share_at_end"] != found["share"]:
        share += f", {found['share_at_end']:.2f} at the end"
    return (
        f"replay: {found['rows']:,} of {found['rows'] + found['domain_rows']:,} rows (share {share}), "
        f"all of its text {found['times_seen']:.2f} times"
    )


def _forgetting(found: dict[str, Any]) -> list[str]:
    """The losses before and after, and what was done."""
    texts = [
        f"{text} {found[f'{text}_before']:.4f} → {found[f'{text}_after']:.4f}"
        for text in ("general", "domain")
        if f"{text}_before" in found
    ]
    lines = [f"forgetting: {', '.join(texts)} nats, general text {found['rise']:+.2%}"]
    done = [f"{one['action']} at step {one['step']:,}" for one in found["actions"]]
    lines += [f"  over the tolerance of {found['tolerance']:.2%}: {', '.join(done)}"] * bool(done)
    for text, bits in found.get("bits_per_byte", {}).items():
        shown = ", ".join(f"{moment} {value:.3f}" for moment, value in bits.items())
        lines.append(f"  {text} text in bits for each byte of hidden words: {shown}")
    return lines


def _probes(found: dict[str, Any], step: int | None) -> str:
    """How often, how long, and the step that was best where one is kept."""
    share, seconds = found["share_of_time"], found["seconds"]
    line = f"probes: {found['probings']} in {seconds:,.0f} s, {share:.1%} of the time"
    if best := found.get("best"):
        line += f"; best {best['score']} {best['value']:.1f} at step {best['step']:,}"
        line += ", whose weights the model has" if step == best["step"] else ""
    return line


def following(result: dict[str, Any]) -> str:
    """The command that uses what was trained."""
    if "model_folder" in result:
        return finetuning(result["model_folder"])
    return f"mlm-pretrain export {result['out']} --out DIR"


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
