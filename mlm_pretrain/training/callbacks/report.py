"""Progress for the person who waits, and `log.jsonl` for everything that reads the run later."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.progress import progress_bar
from mlm_pretrain.training.budget import Budget
from mlm_pretrain.training.run_log import append_line, begin_log, cut_log, log_facts


class ReportCallback(TrainerCallback):
    """One bar over the budget, with loss and tokens a second, and the `name` of the run where it has one."""

    def __init__(self, budget: Budget, out: Path, name: str = "") -> None:
        self.budget, self.out, self.title = budget, out, f"pretrain {name}".rstrip()
        self.bar: Any = None
        self._tokens, self._at = 0, 0.0
        self._is_first = True
        self._resumed: dict[str, Any] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._at, self._tokens = time.monotonic(), int(state.num_input_tokens_seen)
        self._is_first = True
        if state.is_world_process_zero:
            self._begin_log(state)
            self._close()
            steps, seconds = self.budget.steps, self.budget.seconds
            total, unit = (seconds, "s") if steps is None else (steps, "step")
            self.bar = progress_bar(total, unit, self.title, initial=self._position(state))

    def _begin_log(self, state: Any) -> None:
        """Without what is to be written again; it may begin a second time, for want of memory."""
        if state.global_step == 0:
            begin_log(self.out)
            return
        if self._resumed is None:
            self._resumed = log_facts(self.out)
        cut_log(self.out, self._resumed)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.bar is not None:
            reached = min(self.bar.total, round(self._position(state), 1))
            self.bar.update(max(0, reached - self.bar.n))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if self.bar is None or not logs or "loss" not in logs:
            return
        now, tokens = time.monotonic(), int(logs.get("tokens", 0))
        rate = (tokens - self._tokens) / max(now - self._at, 1e-9)
        self._tokens, self._at = tokens, now
        # A first step also compiles, measures and fills caches: its rate says nothing of the time left.
        shown = "" if self._is_first else f", {rate:,.0f} tokens/s"
        self.bar.set_postfix_str(f"loss {logs['loss']:.3f}{shown}", refresh=False)
        self._is_first = False
        line = {"step": state.global_step, "seconds": round(self.budget.elapsed_seconds, 2), **logs}
        append_line(self.out, {**line, "tokens_per_second": round(rate)})

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._close()

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def _position(self, state: Any) -> float:
        if self.budget.steps is not None:
            return float(state.global_step)
        return min(self.budget.elapsed_seconds, self.budget.seconds or 0.0)
