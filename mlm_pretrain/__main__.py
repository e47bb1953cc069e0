"""Entry point: `mlm-pretrain` and `python -m mlm_pretrain` (also under torchrun)."""

from __future__ import annotations

import os
import sys
import traceback

# Both libraries look up the network for things nobody asked for: download counts and advice.
os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
# We tokenise in processes of our own; the library's warning about forks is noise then.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

INTERRUPTED = 130


# Flags that take several values in a row: `--corpus a b` means `--corpus a --corpus b`.
LIST_FLAGS = ("--corpus", "--general", "--validation-corpus", "--set", "--task")


def spread_lists(arguments: list[str]) -> list[str]:
    """Repeat a list flag before each of its values, which is what the parser understands."""
    spread: list[str] = []
    flag, values = "", 0
    for argument in arguments:
        if argument.startswith("-"):
            flag, values = (argument, 0) if argument in LIST_FLAGS else ("", 0)
        elif flag:
            values += 1
            # Not KIND:FOLDER, so a model that is compared.
            if flag == "--task" and ":" not in argument:
                flag = ""
            elif values > 1:
                spread.append(flag)
        spread.append(argument)
    return spread


def main() -> None:
    """Run the command line; a user's mistake is one readable message and its exit code."""
    from mlm_pretrain.environment import leave

    leave(_exit_code(sys.argv[1:]))


def _exit_code(arguments: list[str]) -> int:
    from mlm_pretrain.cli import app
    from mlm_pretrain.errors import InputError
    from mlm_pretrain.redaction import without_secrets

    try:
        app(args=spread_lists(arguments))
    except SystemExit as stop:  # how the parser ends each verb
        return int(stop.code or 0)
    except InputError as error:
        print(f"error: {without_secrets(str(error))}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        named = error.filename or "the system"
        print(f"error: {without_secrets(f'{named}: {error.strerror or error}')}", file=sys.stderr)
        return InputError.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # a fault of ours: the whole story, but for what nobody should read
        print(without_secrets(traceback.format_exc()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    main()
