"""Three labelled tasks and a pretraining corpus from the docstrings of the installed libraries.

The labels are natural: the library that a passage documents, the parts of a parameter's header, the
sentence that describes a parameter. Nobody annotated them and nothing has to be downloaded.
"""

from __future__ import annotations

from mlm_pretrain.corpus.docs_tasks.write import write_docs_tasks

__all__ = ["write_docs_tasks"]
