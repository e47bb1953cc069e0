"""Runs verbs where SentencePiece is not installed: their words in, exit code and stderr of each out."""

from __future__ import annotations

import contextlib
import io
import json
import sys

sys.modules["sentencepiece"] = None  # for whoever asks

from mlm_pretrain.__main__ import main  # noqa: E402


def run(words: list[str]) -> tuple[int, str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["mlm-pretrain", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, err.getvalue()


if __name__ == "__main__":
    print(json.dumps([run(words) for words in json.loads(sys.argv[1])]))
