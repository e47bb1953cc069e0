"""One result record: what was measured, on what, with which versions, and how much it varied."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mlm_pretrain.environment import processor_name, usable_cores
from mlm_pretrain.manifest import versions

RESULTS = Path(__file__).parent / "results"


def processor() -> dict[str, Any]:
    """Name and usable cores of the processor."""
    return {
        "name": processor_name(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Lowest, median and highest of repeated measurements."""
    return {"low": min(values), "median": statistics.median(values), "high": max(values)}


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `path` holds of an earlier start of the benchmark; made and put there if it is missing."""
    if not path.exists():
        print(f"{path.stem} …", file=sys.stderr)
        path.write_text(json.dumps(make()), encoding="utf-8")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def child_result(module: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What `python -m MODULE --NAME VALUE …` prints as its last line, JSON.

    In a process of its own, which leaves nothing behind that would slow the next.
    """
    flags = [text for name, value in given.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", module, *flags]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def now_and_here() -> dict[str, Any]:
    """The moment, the machine and the versions that something is measured with."""
    return {
        "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "processor": processor(),
        "versions": versions(),
    }


def circumstances(settings: dict[str, Any]) -> dict[str, Any]:
    """When, on what, with which versions and settings something was measured."""
    return {**now_and_here(), "settings": settings}


def record_path(name: str, out: Path | None, is_quick: bool) -> Path:
    """Where a record goes: to `out`; or among the results, but a quick one, which is no measurement and must
    not replace one, into a temporary folder of its own."""
    if out is not None:
        return out
    folder = Path(tempfile.mkdtemp(prefix="benchmark-")) if is_quick else RESULTS
    return folder / f"{name}.json"


def write_record(
    name: str, settings: dict[str, Any], results: dict[str, Any], path: Path | None = None
) -> Path:
    """Write `results/<name>.json` (or `path`) and return where it lies."""
    return _write({"benchmark": name, **circumstances(settings), "results": results}, path)


def add_entries(name: str, entries: dict[str, Any], path: Path | None = None) -> Path:
    """Put entries, each with `circumstances` of its own, into a record beside those it has of other runs."""
    path = path or RESULTS / f"{name}.json"
    known = entries_of(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    return _write({"benchmark": name, "results": {**known, **entries}}, path)


def entries_of(record: dict[str, Any]) -> dict[str, Any]:
    """What was measured, by name; what the record says of all of it is said of each."""
    shared = {k: v for k, v in record.items() if k not in ("benchmark", "results")}
    return {name: {**shared, **entry} for name, entry in record["results"].items()}


def _write(record: dict[str, Any], path: Path | None) -> Path:
    path = path or RESULTS / f"{record['benchmark']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    return path
