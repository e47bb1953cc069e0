"""The package's front: every verb is a function, whatever was imported before."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import mlm_pretrain
assert "torch" not in sys.modules, "importing the package must not load torch"
from mlm_pretrain.export import export as from_module
from mlm_pretrain.finetune import finetune as finetune_from_module
for name in mlm_pretrain.__all__:
    getattr(mlm_pretrain, name)
from mlm_pretrain import export, finetune
assert export is from_module and finetune is finetune_from_module
assert set(mlm_pretrain.__all__) <= set(dir(mlm_pretrain))
try:
    mlm_pretrain.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise AssertionError("an unknown name was found")
"""


def test_every_verb_is_a_function_and_import_is_light() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
