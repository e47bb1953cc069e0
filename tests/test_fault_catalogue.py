"""Every fault of the catalogue has a test, and every test of a fault names one of the catalogue."""

from __future__ import annotations

import ast
from pathlib import Path

from faults import FAULTS


def faults_tested() -> set[str]:
    """The names in all `pytest.mark.fault("…")` of this folder."""
    found = set()
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                found |= {str(ast.literal_eval(argument)) for argument in node.args}
    return found


def test_every_fault_is_tested() -> None:
    assert faults_tested() == set(FAULTS)
