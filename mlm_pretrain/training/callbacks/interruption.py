"""Ctrl-C and SIGTERM: finish the step, save, stop. A second one stops at once."""

from __future__ import annotations

import signal
import threading
from typing import Any

from transformers import TrainerCallback

from mlm_pretrain.progress import say
from mlm_pretrain.training.agreement import first_process_value

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptionCallback(TrainerCallback):
    """Remembers the first signal in `received`. Call `restore_handlers` when training has ended."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if threading.current_thread() is threading.main_thread() and not self._before:
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        # All processes stop at the same step, or those that go on would wait for ever.
        self.received = int(first_process_value(self.received or 0)) or None
        if self.received is not None:
            control.should_save = control.should_training_stop = True

    def restore_handlers(self) -> None:
        """Put back what handled the signals before training."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, _frame: Any) -> None:
        say(
            f"{signal.Signals(number).name}: finishing this step, then saving (again to stop at once)"
        )
        self.received = number
        signal.signal(number, self._before[number])
