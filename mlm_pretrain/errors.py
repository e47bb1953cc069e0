"""The one exception a person is meant to read."""

from __future__ import annotations


class InputError(Exception):
    """Something given by the user cannot be used: a file, a line, a setting.

    The command line prints it without a traceback and exits with its `exit_code`. `problem` names the
    file, line or setting; `way_out` says what to do about it.
    """

    exit_code = 2

    def __init__(self, problem: str, way_out: str = "") -> None:
        super().__init__(f"{problem}\n  → {way_out}" if way_out else problem)
        self.problem = problem
        self.way_out = way_out


class DiskFull(InputError):
    """No room where something is written: no setting's fault, so that nothing is tried without it."""
