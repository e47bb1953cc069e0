"""Easy rows first: one file a question.

`config`: the settings.
`rows`: the prepared rows in blocks, for what reads all of them.
`scores`: how hard each row is; a measure is a function and a line.
`pacing`: how many of the rows, easiest first, may be drawn when.
`ranking`: the rows in their order of difficulty, made once at the start of a run.
`order`: which rows an epoch shows, and when.
"""

from __future__ import annotations

from mlm_pretrain.training.curriculum.config import CurriculumConfig
from mlm_pretrain.training.curriculum.ranking import Curriculum, build_curriculum

__all__ = ["Curriculum", "CurriculumConfig", "build_curriculum"]
