"""The console script: where errors become a sentence and an exit code; it knows no flags."""

from __future__ import annotations

import gc
import os
import sys

from gptoss_chat.errors import GptossChatError
from gptoss_chat.text import printable

# What starting makes lives on: Python's collector, which looks at all of it again and again, would take a tenth of the time to
# the first frame. So it waits for as many new objects; once a model is loaded, `spare_collector` has other numbers.
START_OBJECTS = 300_000


def run() -> None:
    """Run the command, and tell what went wrong in one sentence."""
    gc.set_threshold(START_OBJECTS)
    try:
        sys.exit(_command())
    except GptossChatError as error:
        print(f"gptoss-chat: {printable(error.message)}", file=sys.stderr)
        if error.hint:
            print(printable(error.hint), file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)


def _command() -> int:
    """The exit code. Without arguments the chat opens as it is: the command line's parser would only delay its first frame."""
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    if len(sys.argv) == 1 and not completing and sys.stdin is not None and sys.stdin.isatty():
        from gptoss_chat.cli.opening import open_plain_chat

        return open_plain_chat()
    from gptoss_chat.cli.commands import app

    app(standalone_mode=True)
    return 0


if __name__ == "__main__":
    run()
