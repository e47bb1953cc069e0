"""Which settings suit a labelled task, tried on its validation file.

search.py    the whole search, and its result
setup.py     all checks before the first trial
space.py     which settings are tried, by default or as a person asks
sampling.py  which to try next, and whether to go on with a trial (optuna)
trial.py     one trial
records.py   what lies on disk, and what is refused when a search goes on
winner.py    the best settings, trained once more
"""

from __future__ import annotations

from mlm_pretrain.finetune.searching.search import plan_search, search

__all__ = ["plan_search", "search"]
