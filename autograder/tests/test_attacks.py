"""Real hostile submissions, graded by the real judge and worker: none earns more than what it honestly solves.

The submissions of toy.py stand in attacks/, by kind.  After each: no fault of the grader, nothing left running,
nothing left on the disk, and no file of ours changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.judge import users
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import Collection, collect
from autograder.judge.exercises import ROOT, Part, find_parts, load_part
from autograder.judge.grading import grade
from autograder.judge.isolation import must_keep_reading
from autograder.judge.record import PartRecord
from autograder.judge.scanning import Refusals
from autograder.judge.staging import make_stage
from autograder.judge.submission import MAX_FILE_BYTES, from_path
from autograder.judge.users import WorkerUser, can_reserve
from autograder.judge.worker_process import Limits
from autograder.tests.attacks import HONEST, Attack, endings, floods, forgeries, lies, smugglers, snoops, together
from autograder.tests.toy import QUICK, SOLUTION, collect_toy, handed_in, make_toy_part, outcomes, points, toy_probes

POINTS = {"toy.double": 40.0, "toy.scale": 20.0, "other.shift": 40.0}
ATTACKS = [
    pytest.param(
        attack,
        id=f"{module.__name__.rpartition('.')[2]}: {attack.name}",
        marks=[pytest.mark.slow] if attack.is_slow else [],
    )
    for module in (lies, forgeries, endings, floods, smugglers, snoops)
    for attack in module.ATTACKS
]
HANGING_SECONDS = 10.0  # past its deadline a step hangs; short of this, the machine may be busy
is_linux = sys.platform.startswith("linux")
has_users = can_reserve(must_keep_reading(Path(tempfile.gettempdir())))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collect_toy(make_toy_part(tmp_path_factory.mktemp("toy")))


def skip_unless(needs: str) -> None:
    """Skip where the system lacks what an attack needs, or what keeps it in bounds."""
    if needs == "posix" and os.name != "posix":
        pytest.skip("the attack is written for POSIX")
    if needs in ("linux", "root") and not is_linux:
        pytest.skip("only Linux limits a worker's memory and lets it be another user")
    if needs == "root" and not has_users:
        pytest.skip("only root with all its powers makes the worker another user, which keeps this attack in bounds")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_earns_what_it_solves_and_no_more(
    attack: Attack, toy: Collection, record_property: Callable[[str, object], None]
) -> None:
    skip_unless(attack.needs)
    forget_peak_memory()
    started, before = time.monotonic(), peak_memory()
    waits = {"call_seconds": 0.7} if "timeout" in attack.double else {}
    record = graded(toy, {"toy.py": attack.toy.replace("PART", toy.part.name)}, waits | attack.limits, attack.shrinks)
    seconds, memory = time.monotonic() - started, peak_memory()
    record_property("the judge under attack", (attack.name, round(seconds, 1), memory // 2**20))
    assert seconds < attack.seconds
    assert memory < 2**30
    assert memory - before < attack.memory
    for exercise, outcome in outcomes(record).items():
        assert outcome in attack.outcomes[exercise], exercise
        assert points(record)[exercise] == (POINTS[exercise] if outcome == "passed" else 0.0)
    assert attack.says in record.exercises[0].message


@pytest.mark.slow
def test_twelve_files_that_are_hard_to_parse_take_nothing_of_the_judges(toy: Collection) -> None:
    """Each takes a hundred times its size in the worker, one after the other."""
    names = [f"file{number}.py" for number in range(12)]
    exercises = [dataclasses.replace(toy.part.exercises[0], id=name, file=name) for name in names]
    part = dataclasses.replace(toy.part, exercises=tuple(exercises))
    files = dict.fromkeys(names, "a\n" * (MAX_FILE_BYTES // 2))
    with WorkerCandidate(part, make_stage(part, handed_in(part, files), root=part.folder.parent), QUICK) as candidate:
        assert candidate.isolation.layers
        forget_peak_memory()
        started, before = time.monotonic(), peak_memory()
        assert candidate.scan() == Refusals()
        seconds, memory = time.monotonic() - started, peak_memory()
    print(f"{seconds:.1f} s; the judge's memory: {memory / 2**20:.0f} MiB")
    assert memory - before < 2**24
    assert seconds < 60


def forget_peak_memory() -> None:
    """Let `peak_memory` begin anew, where Linux can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """The most bytes of memory that this process, the judge's, has had; 0 where there is no /proc to tell."""
    status = Path("/proc/self/status")
    return 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0]) if status.exists() else 0


def graded(
    collection: Collection, files: dict[str, str | bytes | None], limits: dict[str, Any], shrinks: bool = False
) -> PartRecord:
    """Grade with the real worker, and look around afterwards."""
    part = collection.part
    before = digest(part.folder)
    candidate = WorkerCandidate(
        part, make_stage(part, handed_in(part, files), root=part.folder.parent), dataclasses.replace(QUICK, **limits)
    )
    with candidate:
        candidate.scan()  # which takes what is refused out of the stage
        staged = stage_digest(candidate)
        record = grade(collection, candidate, "attack", shrinks=shrinks)
        untouched = not has_users or stage_digest(candidate) == staged
    assert not record.has_grader_fault
    assert not [step for step in candidate.clock.steps if step.took > step.allowed + HANGING_SECONDS]
    assert untouched, "the stage was changed"
    assert digest(part.folder) == before
    assert not candidate.stage.folder.exists()
    uid = candidate._user.uid
    lock = users._lock(users._RESERVED / str(uid)) if has_users else -1
    uid = uid if lock >= 0 else 0  # else a judge beside this one has the user by now
    assert not running_in(candidate.stage.folder, uid)
    assert not uid or not left_by(uid)
    WorkerUser(uid, lock).release()
    return record


def left_by(uid: int) -> list[str]:
    """Files of a worker's user, and what it shares in System V's way, as the system's own tools see them."""
    folders = [folder for folder in ("/tmp", "/var/tmp", "/dev/shm") if os.path.isdir(folder)]
    found = subprocess.run(
        ["find", *folders, "-uid", str(uid)], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    shared = [line for kind in ("shm", "msg", "sem") for line in Path("/proc/sysvipc", kind).read_text().splitlines()]
    return found.stdout.splitlines() + [line for line in shared if str(uid) in line.split()]


def stage_digest(candidate: WorkerCandidate) -> str:
    """Of all that is ours in the stage: everything but the home."""
    return "".join(digest(path) for path in sorted(candidate.stage.folder.iterdir()) if path.name != "home")


def digest(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content.update(f"{path} {path.stat().st_mode}".encode() + path.read_bytes())
    return content.hexdigest()


def running_in(folder: Path, uid: int) -> list[str]:
    """The processes that a worker with this stage has left behind (those that ended and nobody collects are none)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text(errors="replace")
            is_ours = (
                (uid and f"\nUid:\t{uid}\t" in status)
                or str(folder).encode() in (process / "environ").read_bytes()
                or os.readlink(process / "cwd").startswith(str(folder))
            )
            if is_ours and "\nState:\tZ" not in status:
                found.append(status)
        except OSError:
            continue
    return found


# What is open until there is a wall


@pytest.mark.xfail(reason="a policy in the worker's own process can be rewritten; the wall is L2", strict=True)
def test_the_import_policy_found_and_rewritten(toy: Collection) -> None:
    source = """
import gc, sys
for found in gc.get_objects():
    if type(found).__name__ == "ImportPolicy":
        found._frameworks, found._part = frozenset(), "torch"
__import__("torch")
def double(x):
    return (sys.modules["torch"].as_tensor(x) * 2.0).numpy()
"""
    # torch's plain package, which brings CUDA, takes more address space and time than a worker has by default.
    limits = {"memory_bytes": 0, "load_seconds": 60.0}
    assert graded(toy, {"toy.py": together(source, HONEST["scale"])}, limits).points == 40.0


# What the files themselves can be


FILES: dict[str, tuple[str | bytes | None, str]] = {
    "a syntax error": ("def double(x) return x", "error"),
    "no UTF-8": (b'NAME = "\xff\xfe"\n' + SOLUTION["toy.py"].encode(), "error"),
    "a NUL byte": (SOLUTION["toy.py"] + "\0", "error"),
    "an empty file": ("", "error"),
    "a file that is missing": (None, "not handed in"),
    "a module that hides the part": ("import sys\nsys.modules[__name__] = None", "error"),
    "brackets without end": ("(" * 10**6, "error"),
    "a sum of 250 000 numbers": ("x = " + "1+" * 250_000 + "1", "error"),
    "a byte order mark": ("\ufeff" + SOLUTION["toy.py"], "passed"),
    "Windows line ends": (SOLUTION["toy.py"].replace("\n", "\r\n"), "passed"),
    "another coding": ("# coding: latin-1\n" + SOLUTION["toy.py"], "passed"),
}


@pytest.mark.parametrize(("content", "outcome"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_module_costs_its_own_exercises(
    content: str | bytes | None, outcome: str, toy: Collection
) -> None:
    record = graded(toy, {"toy.py": content}, {})
    assert outcomes(record)["toy.double"] == outcome
    assert record.points == (100.0 if outcome == "passed" else 40.0)


def test_a_syntax_error_is_shown_with_its_line(toy: Collection) -> None:
    record = graded(toy, {"toy.py": "import numpy\ndef double(x) return x"}, {})
    assert record.exercises[0].tests[0].traceback[-1] == f"{toy.part.name}/toy.py:2"


PLANTED = ("conftest.py", "sitecustomize.py", "usercustomize.py", "module.py", "numpy.py", "numpy/__init__.py", "x.pth")
PLANTED_IN_PART = ("__init__.py", "conftest.py", "numpy.py", "toy.pyc", "toy.so", "toy/__init__.py")
PLANTED_IN_TESTS = ("__init__.py", "test_toy.py", "probe_toy.py", "oracle.py")


@pytest.mark.parametrize("toy_file", [SOLUTION["toy.py"], "def double(x):\n    return x\nscale = double\n"])
def test_files_of_ours_that_are_handed_in_never_run(toy_file: str, toy: Collection, tmp_path: Path) -> None:
    """conftest.py, sitecustomize.py, numpy.py, tests/, solution/ and others, none of which is an exercise file."""
    part = toy.part
    planted = [*PLANTED, *(f"{part.name}/{name}" for name in PLANTED_IN_PART)]
    planted += [f"{part.name}/tests/{name}" for name in PLANTED_IN_TESTS]
    for name in planted:
        write(tmp_path / name, "raise SystemExit('this ran')")
    write(tmp_path / part.name / "part.toml", "points = 1000")
    for name, content in SOLUTION.items():
        write(tmp_path / part.name / "solution" / name, content)
    write(tmp_path / part.name / "toy.py", toy_file)
    write(tmp_path / part.name / "other.py", SOLUTION["other.py"])

    submission = from_path(tmp_path, [part])
    assert set(planted) <= set(submission.ignored)
    with WorkerCandidate(part, make_stage(part, submission, root=part.folder.parent), QUICK) as candidate:
        record = grade(toy, candidate, "attack", shrinks=False)
    assert record.points == (100.0 if toy_file == SOLUTION["toy.py"] else 40.0)
    assert not any("this ran" in test.message + test.output for each in record.exercises for test in each.tests)


@pytest.mark.parametrize("target", ["solution", "stub", "folder", "nowhere"])
def test_an_exercise_file_that_is_a_link_is_not_handed_in(target: str, toy: Collection, tmp_path: Path) -> None:
    part = toy.part
    where = {"solution": part.folder / "solution" / "toy.py", "stub": part.folder / "toy.py", "folder": part.folder}
    write(tmp_path / part.name / "other.py", SOLUTION["other.py"])
    try:
        (tmp_path / part.name / "toy.py").symlink_to(where.get(target, tmp_path / "nowhere"))
    except OSError:
        pytest.skip("this user may not make links")
    submission = from_path(tmp_path, [part])
    with WorkerCandidate(part, make_stage(part, submission, root=part.folder.parent), QUICK) as candidate:
        record = grade(toy, candidate, "attack", shrinks=False)
    assert outcomes(record) == dict.fromkeys(("toy.double", "toy.scale"), "not handed in") | {"other.shift": "passed"}


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


# What a worker knows

SECRET_SEED = 0x5EC2_E7A1_9D3B_64F7
SECRET_POINTS = 40.73519246018273

SCAN = """
import gc, os, pathlib, sys
import numpy as np

def reachable():
    pending, seen = [*gc.get_objects(), sys.modules, os.environ, sys.argv, sys.orig_argv, sys._current_frames()], {}
    while pending:
        found = pending.pop()
        if id(found) not in seen and found is not seen and found is not pending:
            seen[id(found)] = found  # kept, so that no later object gets its id
            yield found
            if type(found).__name__ == "frame":  # since Python 3.13, f_locals is a view that refers to its frame only
                pending += [*found.f_locals.values(), found.f_globals, found.f_back]
            pending += gc.get_referents(found)

def double(x):
    with open("seen", "ab") as file:
        for found in reachable():
            if isinstance(found, np.ndarray) and found.dtype != object:
                file.write(b"\\n" + found.tobytes())
            elif isinstance(found, (bytes, bytearray, str, int, float)):
                file.write(b"\\n" + (found if isinstance(found, (bytes, bytearray)) else repr(found).encode()))
        for path in [pathlib.Path(sys.path[0]), *pathlib.Path(sys.path[0]).rglob("*")]:
            file.write(str(path).encode() + (path.read_bytes() if path.is_file() and path.name != "seen" else b""))
        for name in ("cmdline", "environ", "auxv", "comm"):
            try:
                file.write(pathlib.Path("/proc/self", name).read_bytes())
            except OSError:
                pass
    return 2.0 * x
"""


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """A toy part whose seed and points can be told from all other numbers."""
    part = make_toy_part(tmp_path_factory.mktemp("secret"))
    toml = part.folder / "part.toml"
    toml.write_text(toml.read_text().replace("points = 40", f"points = {SECRET_POINTS}"))
    return collect_toy(load_part(part.folder), seed=SECRET_SEED)


def secrets(collection: Collection) -> Iterator[bytes]:
    """The seed, the points and the expected values, as text and as bytes."""
    yield str(SECRET_SEED).encode()
    yield struct.pack("<Q", SECRET_SEED)
    yield str(SECRET_POINTS).encode()
    yield struct.pack("<d", SECRET_POINTS)
    for problem in collection.problems["test_toy.py::test_scale"]:
        if problem["x"].size > 1:
            yield (problem["factor"] * problem["x"]).tobytes()


def test_what_a_submission_can_reach_holds_no_answer_seed_or_points(secret: Collection) -> None:
    """Everything that gc, frames, the environment, /proc/self and the stage's files show."""
    part = secret.part
    limits = dataclasses.replace(QUICK, call_seconds=30.0, file_bytes=2**30)
    source = SCAN + SOLUTION["toy.py"].partition("def double")[2].partition("### END SOLUTION\n")[2]
    with WorkerCandidate(part, make_stage(part, handed_in(part, {"toy.py": source})), limits) as candidate:
        problem = secret.problems["test_toy.py::test_double"][-1]
        candidate.run(toy_probes(part).run_double, **problem)
        seen = (candidate.stage.folder / "home" / "seen").read_bytes()
    assert len(seen) > 2**20
    assert problem["x"].tobytes() in seen, "the scan finds what is there"
    assert part.name.encode() in seen
    assert not [found for found in secrets(secret) if found in seen]


@pytest.mark.skipif(not is_linux, reason="only Linux shows a process's memory as a file")
def test_the_memory_of_a_worker_holds_no_answer_seed_or_points(secret: Collection) -> None:
    """Every readable byte of its address space, after all of its calls but those that would compute the answer."""
    part = secret.part
    with WorkerCandidate(part, make_stage(part, handed_in(part)), QUICK) as candidate:
        for problem in secret.problems["test_toy.py::test_double"]:
            candidate.run(toy_probes(part).run_double, **problem)
        assert candidate._worker is not None
        try:
            memory = memory_of(Path("/proc") / str(candidate._worker._process.pid))
        except PermissionError:
            pytest.skip("this system lets this user read no other process's memory")
    assert problem["x"].tobytes() in memory, "the scan finds what is there"
    assert not [found for found in secrets(secret) if found in memory]


def memory_of(process: Path) -> bytes:
    content = bytearray()
    with open(process / "mem", "rb", buffering=0) as memory:
        for line in (process / "maps").read_text().splitlines():
            addresses, access, *_ = line.split()
            start, end = (int(address, 16) for address in addresses.split("-"))
            if access[:2] == "rw":  # what a process has written; the rest is the files of its libraries
                try:
                    memory.seek(start)
                    content += memory.read(end - start)
                except OSError:
                    continue
    return bytes(content)


# The first part itself


@pytest.fixture(scope="module")
def part1() -> Part:
    parts = [part for part in find_parts() if part.number == 1 and (part.folder / "solution").is_dir()]
    if not parts:
        pytest.skip("the reference is not here")
    return parts[0]


REPLACE_EVERYTHING = """
import builtins, sys, numpy, numpy.testing
numpy.testing.assert_allclose = numpy.testing.assert_array_equal = lambda *a, **k: None
numpy.allclose = numpy.array_equal = lambda *a, **k: True
"""
WRONG_SIGN = "\nfor _name in [name for name in globals() if name.endswith('_backward')]:\n"
WRONG_SIGN += "    globals()[_name] = lambda grad_output, *inputs, **options: (-grad_output,) * len(inputs)\n"


@pytest.mark.parametrize(
    ("attack", "outcome"),
    [
        (REPLACE_EVERYTHING + WRONG_SIGN, "wrong"),
        (WRONG_SIGN.replace("-grad_output", "__import__('torch')"), "refused"),
        (WRONG_SIGN.replace("-grad_output", "__import__('os')._exit(0)"), "crash"),
    ],
    ids=["assert_allclose replaced", "import torch", "os._exit"],
)
def test_part_1_under_attack(attack: str, outcome: str, part1: Part) -> None:
    exercises = ["functional.unbroadcast", "functional.exp"]
    collection = collect(part1, seed=1, examples=5, only=exercises)
    source = (part1.folder / "solution" / "functional.py").read_text(encoding="utf-8") + attack
    submission = dataclasses.replace(handed_in(part1), files={part1.name: {"functional.py": source.encode()}})
    with WorkerCandidate(part1, make_stage(part1, submission, root=ROOT), Limits(call_seconds=2.0)) as candidate:
        record = grade(collection, candidate, "attack", shrinks=False)
    assert outcomes(record) == dict(zip(exercises, ("passed", outcome), strict=True))
    assert record.points == part1.exercise("functional.unbroadcast").points
