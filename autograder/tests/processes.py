"""Scripts in processes of their own: what they say, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from autograder.scripts.launch import ROOT, THREAD_VARIABLES

FULL_DISK = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def on_a_full_disk(module: str, *arguments: str) -> tuple[str, ...]:
    """Make a command with which Python runs a module that cannot write more than 1024 bytes into any file."""
    return "-c", FULL_DISK, module, *arguments


def environment(**variables: str) -> dict[str, str]:
    """This process's environment, but with code and threads not yet chosen."""
    chosen = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    return {**chosen, "SFRATORCH_CODE": "", "PYTHONPATH": str(ROOT), **variables}


def run(
    folder: Path, *arguments: str, python: str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments, in this folder."""
    return subprocess.run(
        [python, *arguments],
        cwd=folder,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def interrupt(folder: Path, *arguments: str, root: Path = ROOT) -> tuple[int, str]:
    """Exit code and output of a process that gets Ctrl-C as soon as it has said something.

    Only the process that was started gets it; a new one that runs in its stead must hear of it.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(root)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, first + rest
