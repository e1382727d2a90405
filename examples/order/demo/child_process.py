"""Run a program that ends when its parent does: `python -m examples.order.demo.child_process NAME ...`.

NAME is an installed command, such as `saga`, or a module. The parent holds the
other end of the child's standard input: it closes when the parent is gone, however
it went, on every operating system. The program runs in this very process, so that
the parent's `kill -9` hits it and not a wrapper.
"""

import os
import runpy
import signal
import sys
import threading
from importlib.metadata import entry_points


def main() -> None:
    """Run the program named by the first argument."""
    threading.Thread(target=_end_with_parent, name="leash", daemon=True).start()
    del sys.argv[0]
    name = sys.argv[0]
    commands = entry_points(group="console_scripts", name=name)
    if commands:
        (command,) = commands
        sys.exit(command.load()())
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
