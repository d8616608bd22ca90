"""Killing a worker kills all that it started, also what has left its session, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.judge import process_tree
from autograder.judge.users import can_reserve

is_linux = sys.platform.startswith("linux")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the processes of these tests are written for POSIX")
linux_only = pytest.mark.skipif(not is_linux, reason="only Linux lists a process's descendants in /proc")
root_only = pytest.mark.skipif(
    not can_reserve(keep_reading=False),
    reason="only root, with all its powers, can run a process as another user",
)

UID = 61_182  # just below those that workers get, and so is its killer
# A process tells its id and those of its children through a file, line by line, and waits.
TELL = """
import os, signal, sys, time

file = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)

def tell():
    os.write(file, b"%d\\n" % os.getpid())

def wait():
    tell()
    time.sleep(120)

"""


class Family:
    """A process started like a worker, and what it tells of its family."""

    def __init__(self, source: str, folder: Path, **options: object) -> None:
        self._told = folder / "told"
        self._told.touch()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", TELL + source, str(self._told)],
            start_new_session=True,
            **options,  # type: ignore[call-overload]
        )
        process_tree.started(self.process)

    def wait_for(self, members: int) -> set[int]:
        until = time.monotonic() + 20.0
        while len(told := self.told) < members:
            assert time.monotonic() < until, f"only {told} of {members} have told their id"
            time.sleep(0.01)
        return told

    @property
    def told(self) -> set[int]:
        return {int(line) for line in self._told.read_text().split()}


Start = Callable[..., Family]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts families, and sees to it that none outlives its test."""
    families: list[Family] = []

    def start(source: str, **options: object) -> Family:
        families.append(Family(source, tmp_path, **options))
        return families[-1]

    yield start
    for family in families:
        for pid in family.told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        family.process.kill()
        family.process.wait()


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if state_of(pid) not in ("", "Z", "X")}


def state_of(pid: int) -> str:
    status = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return status.stdout.strip()[:1]


def alive_after_a_moment(pids: set[int]) -> set[int]:
    until = time.monotonic() + 2.0
    while (left := alive(pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same user, and a child of the judge, that has nothing to do with it."""
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(120)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_and_its_children_go(start: Start, innocent: subprocess.Popen[bytes]) -> None:
    family = start("if os.fork() == 0: os.fork()\nwait()")
    members = family.wait_for(3)
    process_tree.kill(family.process)
    assert not alive_after_a_moment(members)
    assert family.process.returncode == -signal.SIGKILL
    assert innocent.poll() is None


@linux_only
def test_a_child_in_its_own_session_goes(start: Start, innocent: subprocess.Popen[bytes]) -> None:
    family = start("if os.fork() == 0:\n    os.setsid()\n    os.fork()\nwait()")
    members = family.wait_for(3)
    process_tree.kill(family.process)
    assert not alive_after_a_moment(members)
    assert innocent.poll() is None


ORPHAN = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        wait()
    os._exit(0)
os.wait()
wait()
"""


@linux_only
def test_an_orphan_is_known_by_its_environment(start: Start, tmp_path: Path, innocent: subprocess.Popen[bytes]) -> None:
    mark = str(tmp_path)
    family = start(ORPHAN, env={"HOME": f"{mark}/home"})
    members = family.wait_for(2)
    process_tree.kill(family.process, mark=mark)
    assert not alive_after_a_moment(members)
    assert innocent.poll() is None


@linux_only
def test_an_orphan_of_a_worker_that_has_gone_is_known_by_its_environment(start: Start, tmp_path: Path) -> None:
    family = start(ORPHAN.replace("os.wait()\nwait()", "os._exit(0)"), env={"HOME": str(tmp_path)})
    members = family.wait_for(1)
    family.process.wait()
    process_tree.kill(family.process, mark=str(tmp_path))
    assert not alive_after_a_moment(members)


@linux_only
def test_an_orphan_that_shows_nothing_is_adopted_by_the_judge(start: Start, innocent: subprocess.Popen[bytes]) -> None:
    process_tree.adopt_orphans()
    family = start(ORPHAN, env={})
    process_tree.started(family.process)
    orphan = family.wait_for(2) - {family.process.pid}
    process_tree.kill(family.process)
    assert not any(Path(f"/proc/{pid}").exists() for pid in orphan), "killed, and no zombie of the judge's either"
    assert innocent.poll() is None


@linux_only
def test_another_worker_is_no_orphan(start: Start, tmp_path: Path) -> None:
    process_tree.adopt_orphans()
    family, other = start("wait()"), start("wait()")
    for process in (family.process, other.process):
        process_tree.started(process)
    family.wait_for(2)
    process_tree.kill(family.process)
    assert other.process.poll() is None


BECOME = f"""
import ctypes
os.setresuid({UID}, {UID}, {UID})
PR_SET_DUMPABLE = 4  # whether other processes may read this one's memory
ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0)
"""


@root_only
@pytest.mark.parametrize("dumpable", [0, 1])
def test_an_orphan_is_known_by_its_user(dumpable: int, start: Start, innocent: subprocess.Popen[bytes]) -> None:
    family = start(f"DUMPABLE = {dumpable}" + BECOME + ORPHAN, env={})
    members = family.wait_for(2)
    process_tree.kill(family.process, uid=UID)
    assert not alive_after_a_moment(members)
    assert innocent.poll() is None


@root_only
def test_orphans_that_live_for_a_millisecond_go(start: Start) -> None:
    source = f"""
os.setresuid({UID}, {UID}, {UID})
if os.fork() == 0:
    os.setsid()
    tell()
    while True:
        if os.fork():
            os._exit(0)
wait()
"""
    family = start(source, env={})
    family.wait_for(2)
    process_tree.kill(family.process, uid=UID)
    for _ in range(20):
        assert not running_as(UID)
        time.sleep(0.005)


@root_only
@pytest.mark.parametrize("time_tried", [1, 2, 3])
def test_nothing_of_a_user_stops_or_reads_what_ends_it(time_tried: int, start: Start) -> None:
    """Three times: it has to be caught between its start and its end."""
    source = f"""
os.setresuid({UID}, {UID}, {UID})
first = os.getpid()
tell()  # before there is one that stops it
if os.fork() == 0:
    os.setsid()
    tell()
    own = {{str(first), str(os.getpid())}}
    while True:
        os.kill(-1, signal.SIGSTOP)
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and name not in own and os.stat("/proc/" + name).st_uid == {UID}:
                    open("/proc/" + name + "/environ").read()
                    tell()
            except OSError:
                pass
time.sleep(120)
"""
    family = start(source, env={})
    members = family.wait_for(2)
    started = time.monotonic()
    process_tree.kill(family.process, uid=UID)
    assert time.monotonic() - started < process_tree._KILLER_SECONDS
    assert not alive_after_a_moment(members)
    assert not running_as(UID)
    assert family.told == members


def running_as(uid: int) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == uid and "\tZ" not in (process / "status").read_text():
                found.append(process.name)
        except OSError:
            continue
    return found


@linux_only
def test_a_process_that_forks_without_end_goes(start: Start) -> None:
    """Bounded: a dozen at most at the same time."""
    source = """
while True:
    for _ in range(12):
        if os.fork() == 0:
            tell()
            time.sleep(0.05)
            os._exit(0)
    for _ in range(12):
        os.wait()
"""
    family = start(source)
    family.wait_for(12)
    process_tree.kill(family.process)
    assert not alive_after_a_moment(family.told)
    told = family.told
    time.sleep(0.2)
    assert family.told == told


def test_a_stopped_process_goes(start: Start) -> None:
    family = start("tell()\nos.kill(os.getpid(), signal.SIGSTOP)")
    members = family.wait_for(1)
    process_tree.kill(family.process)
    assert not alive_after_a_moment(members)


def test_a_process_that_ignores_signals_goes(start: Start) -> None:
    source = "for number in (1, 2, 15, 20):\n    signal.signal(number, signal.SIG_IGN)\nwait()"
    family = start(source)
    members = family.wait_for(1)
    process_tree.kill(family.process)
    assert not alive_after_a_moment(members)


def test_a_process_that_has_ended_can_be_killed_again(start: Start, innocent: subprocess.Popen[bytes]) -> None:
    family = start("tell()")
    family.process.wait()
    process_tree.kill(family.process)
    process_tree.kill(family.process)
    assert family.process.returncode == 0
    assert innocent.poll() is None


def test_no_user_and_no_mark_mean_nobody_else(start: Start, innocent: subprocess.Popen[bytes]) -> None:
    """The judge's own processes are root's, or have no mark in their environment: neither makes them victims."""
    family = start("wait()")
    family.wait_for(1)
    victims = process_tree._victims(family.process.pid, uid=0, mark=b"") if is_linux else []
    assert set(victims) <= {family.process.pid}
    process_tree.kill(family.process)
    assert innocent.poll() is None
