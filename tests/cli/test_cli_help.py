"""Help is there for every verb, and does not wait for the libraries."""

from __future__ import annotations

import json

import package_process

VERBS = (
    "prepare", "pretrain", "export", "finetune", "search", "robustness", "evaluate", "fill", "demo", "env",
    "adapt", "domain", "compare", "worth", "tokenizer", "push", "tokenizer train", "tokenizer extend",
    "tokenizer report",
)  # fmt: skip

# Every verb's help in one process, then what it has loaded.
_PROGRAM = """
import contextlib, io, json, sys
from mlm_pretrain.__main__ import main

texts = {}
for verb in json.loads(sys.argv[1]):
    sys.argv = ["mlm-pretrain", *verb.split(), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        try:
            main()
        except SystemExit as stop:
            assert not stop.code, verb
    texts[verb] = text.getvalue()
heavy = ("torch", "transformers", "datasets", "tokenizers", "sklearn", "evaluate", "accelerate", "optuna")
print(json.dumps({"texts": texts, "heavy": [name for name in heavy if name in sys.modules]}))
"""


def test_help_of_every_verb_loads_no_library() -> None:
    done = package_process.run(["-c", _PROGRAM, json.dumps(["", *VERBS])])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["heavy"] == []
    for verb in VERBS[:14]:
        assert f"  {verb} " in found["texts"][""]
    for verb in VERBS:
        assert "Usage:" in found["texts"][verb]
        if verb not in ("tokenizer", "demo", "env", "tokenizer report"):
            assert "--json" in found["texts"][verb], verb


def test_the_module_and_its_version() -> None:
    shown = package_process.run_verb("--help")
    assert shown.returncode == 0
    assert "Commands:" in shown.stdout
    version = package_process.run_verb("--version")
    assert version.stdout.startswith("mlm-pretrain ")
    assert version.stderr == ""


def test_the_package_itself_loads_no_library() -> None:
    program = (
        "import sys, mlm_pretrain; assert 'prepare' in dir(mlm_pretrain); "
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    assert package_process.run(["-c", program]).returncode == 0
