"""Docstrings of a Python source file, by parsing it."""

from __future__ import annotations

import ast
import gc
import inspect
import warnings
from collections.abc import Iterator

from mlm_pretrain.corpus.audit import Audit
from mlm_pretrain.corpus.modules import Module

_TOPICS_MODULE = "pydoc_data.topics"
_Documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstrings_of(module: Module, audit: Audit) -> Iterator[tuple[str, str]]:
    """(qualified name, docstring without indentation) of a module, its classes and functions.

    The help topics of the standard library, which are a dictionary and not docstrings, are taken
    too. A file that does not parse is counted as `unparsable_modules`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's docstrings
            tree = _parse(module.path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        audit.note("unparsable_modules", f"{module.library}:{module.name}")
        return
    if module.name == _TOPICS_MODULE:
        yield from _topics(tree, module.name)
    yield from _walk(tree, module.name)


def _parse(source: bytes) -> ast.Module:
    """`ast.parse` without the cycle collector, which finds nothing in a tree and costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if enabled:
            gc.enable()


def _walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, _Documented):
        text = ast.get_docstring(node, clean=False)
        if text:
            yield name, inspect.cleandoc(text).strip()
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return  # what is defined inside a function is nobody's documentation
    for child in _statements(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _walk(child, f"{name}.{child.name}")
        elif isinstance(child, (ast.If, ast.Try, ast.With)):
            yield from _walk(child, name)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for block in ("body", "orelse", "finalbody"):
        yield from getattr(node, block, [])
    for handler in getattr(node, "handlers", []):
        yield from handler.body


def _topics(tree: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Dict):
            for topic, text in ast.literal_eval(statement.value).items():
                yield f"{name}.{topic}", inspect.cleandoc(text).strip()
