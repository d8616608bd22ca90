"""Submissions that look for answers, and write where they should not: outside their own process and folder.

Each gives the right answers, unless it gets at what it wants.
Where the judge is not root, the worker is the same user: only the judge itself is closed to it then, and only the
layers above L1 keep the others out.
"""

from autograder.tests.attacks import PASSED, Attack, together

_PRELUDE = """
import os, pathlib, sys

stage = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else sys.path[0])
judge = pathlib.Path("/proc") / str(os.getppid())
found = []


def attempt(action, *arguments):
    try:
        found.append(action(*arguments))
    except OSError:
        pass


def double(x):
    return (3.0 if found else 2.0) * x
"""

OF_ANY_USER = {
    "the judge's memory": 'attempt(open, judge / "mem", "rb")',
    "the judge's environment": 'attempt((judge / "environ").read_bytes)',
    "the judge's memory map": 'attempt((judge / "maps").read_bytes)',
    "the judge's descriptors": 'attempt(os.readlink, judge / "fd" / "0")',
    "the judge's folder": 'attempt(os.readlink, judge / "cwd")',
}
OF_ANOTHER_USER = {
    "the judge's priority": "attempt(os.setpriority, os.PRIO_PROCESS, os.getppid(), 19)",
    "the stage's probes": 'attempt(next(stage.glob("part*/tests/probe_toy.py")).write_text, "")',
    "the stage's grader": 'attempt((stage / "autograder" / "worker" / "main.py").unlink)',
    "the stage's access": "attempt(stage.chmod, 0o777)",
    "the stage's home": 'attempt((stage / "home").rename, stage / "house")',
    "a folder beside the stage's parts": 'attempt((stage / "numpy").mkdir)',
    "the interpreter's packages": 'attempt((pathlib.Path(sys.path[-1]) / "sfratorch.pth").write_text, "")',
    "another user": "attempt(os.setuid, 0)",
    "another group": "attempt(os.setgroups, [0])",
    "a test of the part": """
        for folder in (stage, *stage.glob("part*")):
            found += [*folder.rglob("test_*.py"), *folder.rglob("oracle.py"), *folder.rglob("solution")]
        """,
}

ATTACKS = [
    Attack(name, together(_PRELUDE, source), PASSED, needs=needs)
    for needs, tries in {"linux": OF_ANY_USER, "root": OF_ANOTHER_USER}.items()
    for name, source in tries.items()
]
