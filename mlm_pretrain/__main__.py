"""Entry point: `mlm-pretrain` and `python -m mlm_pretrain` (also under torchrun)."""

from __future__ import annotations

import os
import sys

# Both libraries look up the network for things nobody asked for: download counts and advice.
os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
# We tokenise in processes of our own; the library's warning about forks is noise then.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

INTERRUPTED = 130


# Flags that take several values in a row: `--corpus a b` means `--corpus a --corpus b`.
LIST_FLAGS = ("--corpus", "--validation-corpus", "--set")


def spread_lists(arguments: list[str]) -> list[str]:
    """Repeat a list flag before each of its values, which is what the parser understands."""
    spread: list[str] = []
    flag, values = "", 0
    for argument in arguments:
        if argument.startswith("-"):
            flag, values = (argument, 0) if argument in LIST_FLAGS else ("", 0)
        elif flag:
            values += 1
            if values > 1:
                spread.append(flag)
        spread.append(argument)
    return spread


def main() -> None:
    """Run the command line; a user's mistake is one readable message and its exit code."""
    from mlm_pretrain.cli import app
    from mlm_pretrain.errors import InputError

    try:
        app(args=spread_lists(sys.argv[1:]))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        print(f"error: {error.filename or 'the system'}: {error.strerror}", file=sys.stderr)
        sys.exit(InputError.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
