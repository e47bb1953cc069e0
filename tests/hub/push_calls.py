"""A program that calls `mlm_pretrain.hub`: JSON lines in, a call each, and out, its end."""

from __future__ import annotations

import json
import sys
import time
import traceback
from typing import Any

from mlm_pretrain import hub


def main() -> None:
    for line in sys.stdin:
        function, arguments, options = json.loads(line)
        began = time.monotonic()
        answer: dict[str, Any] = {}
        try:
            answer["result"] = getattr(hub, function)(*arguments, **options)
        except Exception as error:
            answer.update(error=type(error).__name__, message=str(error))
            answer.update(code=getattr(error, "exit_code", 1), traceback=traceback.format_exc())
        answer["seconds"] = time.monotonic() - began
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
