"""A program that runs verbs of the command line: JSON lines of words in; exit code, stdout and stderr out.

The libraries are loaded once for all of them; those named as arguments are as if they were not installed.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

sys.modules.update(dict.fromkeys(sys.argv[1:]))  # None: cannot be imported

from mlm_pretrain.__main__ import main  # noqa: E402


def run(words: list[str]) -> tuple[int, str, str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["mlm-pretrain", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def serve() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    serve()
