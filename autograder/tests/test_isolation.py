"""What stands between a submission and this machine: planned by the judge, entered by the worker, found by trying."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autograder.judge import candidate as candidate_module
from autograder.judge import isolation, users
from autograder.judge.exercises import ROOT, Part
from autograder.judge.failures import Crashed
from autograder.judge.isolation import Isolation, must_keep_reading, plan_setup
from autograder.judge.staging import WORKER_MODULES, make_stage
from autograder.judge.users import WorkerUser, can_reserve
from autograder.judge.worker_process import Limits
from autograder.testing.failures import GraderFault
from autograder.tests.toy import QUICK, SOLUTION, collect_toy, handed_in, make_toy_part, toy_candidate, toy_probes
from autograder.worker import wire
from autograder.worker.layers import LAYERS

is_linux = sys.platform.startswith("linux")
has_users = can_reserve(must_keep_reading(Path(tempfile.gettempdir())))
posix_only = pytest.mark.skipif(os.name != "posix", reason="this system has no such limits")
linux_only = pytest.mark.skipif(not is_linux, reason="only Linux has this layer")
root_only = pytest.mark.skipif(
    not has_users, reason="only root on Linux, with all its powers, makes the worker another user"
)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("toy"))


def seen_inside(part: Part, expression: str, limits: Limits = QUICK) -> Any:
    """The value of an expression inside a worker, after it has given up what it gives up."""
    imports = "import gc, os, pathlib, resource, signal, sys" if os.name == "posix" else "import gc, os, pathlib, sys"
    source = SOLUTION["toy.py"].replace("return 2.0 * x", f"return {expression}")
    with toy_candidate(part, {"toy.py": f"{imports}\n{source}"}, limits) as candidate:
        return candidate.run(toy_probes(part).run_double, x=0.0)["y"]


# What the judge plans


def test_the_plan_tells_nothing_of_seed_points_or_answers(part: Part) -> None:
    """The fields of Setup, all of them: a new one is to be thought about."""
    assert {field.name for field in msgspec.structs.fields(wire.Setup)} == {
        *("home", "part", "may_import", "preload", "watched", "uid", "keep_reading"),
        *("memory_bytes", "cpu_seconds", "file_bytes", "open_files", "processes"),
    }
    staged = make_stage(part, handed_in(part))
    limits = Limits(memory_bytes=1, cpu_seconds=2, file_bytes=3, open_files=4, processes=5)
    setup = plan_setup(part, staged, limits, uid=0)
    staged.remove()
    assert (setup.part, setup.may_import, setup.preload) == (part.name, ["numpy"], ["numpy"])
    assert setup.watched == []
    assert (setup.memory_bytes, setup.cpu_seconds, setup.file_bytes) == (1, 2, 3)
    assert (setup.open_files, setup.processes) == (4, 5)
    assert setup.home == str(staged.folder / "home")


@root_only
def test_the_worker_of_a_root_judge_is_a_user_that_nobody_is(part: Part) -> None:
    import pwd

    with toy_candidate(part) as candidate:
        uid, staged = candidate._user.uid, candidate.stage
        home, folder = (staged.folder / "home").stat(), staged.folder.stat()
    assert uid >= 61_184
    with pytest.raises(KeyError):
        pwd.getpwuid(uid)
    assert (home.st_uid, stat.S_IMODE(home.st_mode)) == (uid, 0o700)
    assert (folder.st_uid, folder.st_gid, stat.S_IMODE(folder.st_mode)) == (0, uid, 0o750)


@root_only
def test_no_two_workers_are_the_same_user(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where neither has become its user yet, be it in the same judge or in another."""
    monkeypatch.setattr(users, "_UNUSED", range(61_184, 61_188, 2))
    with toy_candidate(part) as one, toy_candidate(part) as other:
        assert {one._user.uid, other._user.uid} == {61_184, 61_186}
        assert not can_reserve(keep_reading=False)
        command = "from autograder.judge import users; users._UNUSED = range(61_184, 61_188, 2); "
        command += "print(users.can_reserve(False))"
        found = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
        assert found.stdout == "False\n"
    assert can_reserve(keep_reading=False)


@root_only
def test_what_a_killed_judge_has_left_is_gone_before_its_workers_user_is_another_worker(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage, which is root's and of that user's group, and what the worker has written elsewhere."""
    with toy_candidate(part) as candidate:
        uid = candidate._user.uid
    staged = make_stage(part, handed_in(part))
    plan_setup(part, staged, QUICK, uid)
    descriptor, written = tempfile.mkstemp()
    os.close(descriptor)
    os.chown(written, uid, uid)
    monkeypatch.setattr(users, "_UNUSED", range(uid, uid + 2, 2))
    with toy_candidate(part) as candidate:
        assert candidate._user.uid == uid
        assert not staged.folder.exists()
        assert not os.path.exists(written)
        assert candidate.stage.folder.exists()


def test_a_judge_that_is_not_root_plans_no_other_user(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    if hasattr(os, "geteuid"):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not can_reserve(keep_reading=False)


@root_only
@pytest.mark.parametrize("power", users._POWERS)
def test_a_root_without_all_its_powers_plans_no_other_user(power: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container. Nor does one who may not read everything, where the worker would have to."""
    assert can_reserve(keep_reading=False)
    status = "Name:\tpython\nCapEff:\t{:016x}\n"
    read_text = Path.read_text

    def with_powers(effective: int) -> None:
        def read(path: Path, **options: Any) -> str:
            return status.format(effective) if path.name == "status" else read_text(path, **options)

        monkeypatch.setattr(Path, "read_text", read)

    everything = 2**41 - 1
    with_powers(everything & ~(1 << power))
    assert not can_reserve(keep_reading=False)
    with_powers(everything & ~(1 << users._DAC_READ_SEARCH))
    assert can_reserve(keep_reading=False)
    assert not can_reserve(keep_reading=True)


@root_only
@pytest.mark.parametrize("names", ["uid_map", "gid_map"])
def test_a_root_whose_namespace_knows_no_other_user_plans_none(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read_text = Path.read_text

    def read(path: Path, **options: Any) -> str:
        return "         0       1000          1\n" if path.name == names else read_text(path, **options)

    monkeypatch.setattr(Path, "read_text", read)
    assert not can_reserve(keep_reading=False)


@posix_only
def test_an_interpreter_that_others_cannot_reach_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "home" / "python").mkdir(parents=True)
    assert isolation._readable_by_others(Path("/"), Path("/usr"))
    (tmp_path / "home").chmod(0o700)
    assert not isolation._readable_by_others(Path("/usr"), tmp_path / "home" / "python")


# What holds in the worker


def test_the_report_names_what_holds_and_why_the_rest_does_not(part: Part) -> None:
    with toy_candidate(part) as candidate:
        found = candidate.isolation
    assert set(found.layers) | set(found.missing) == {layer.name for layer in LAYERS}
    assert set(found.layers).isdisjoint(found.missing)
    assert all(found.missing.values())
    assert found.level == ("L1" if is_linux else "L0")
    if has_users:
        assert set(found.missing) <= {"closed files"}


@linux_only
def test_a_missing_user_is_said(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate_module, "reserve_user", lambda _: WorkerUser())
    with toy_candidate(part) as candidate:
        missing = {
            "another user": "only root, with all its powers, can become another user",
            "closed files": "the worker is the judge's own user",
        }
        missing |= {"processes": "root ignores the limit"} if os.geteuid() == 0 else {}
        assert candidate.isolation.missing == missing
        assert candidate.isolation.level == "L1"


@linux_only
@pytest.mark.parametrize("field", ["memory_bytes", "cpu_seconds", "file_bytes", "open_files"])
def test_a_layer_that_is_missing_lowers_the_level(field: str, part: Part) -> None:
    with toy_candidate(part, limits=dataclasses.replace(QUICK, **{field: 0})) as candidate:
        assert candidate.isolation.level == "L0"
        assert next(iter(candidate.isolation.missing.values())) == "no limit was asked for"


NEEDED_OF_WORKERS = [layer.name for layer in LAYERS if layer.by == "worker" and layer.is_needed]


def test_the_level_is_what_all_layers_together_make() -> None:
    assert Isolation.of(wire.Ready(0, NEEDED_OF_WORKERS, {}), uid=61_184).level == "L1"
    for name in NEEDED_OF_WORKERS:
        ready = wire.Ready(0, [other for other in NEEDED_OF_WORKERS if other != name], {name: "x"})
        assert Isolation.of(ready, uid=61_184).level == "L0"


def test_the_readme_names_every_layer_beside_its_level() -> None:
    readme = (ROOT / "autograder" / "README.md").read_text(encoding="utf-8")
    rows = {line[2:4]: line for line in readme.splitlines() if line.startswith("| L")}
    assert [layer.name for layer in LAYERS if layer.name not in rows[f"L{layer.level}"]] == []


def test_what_only_linux_does_for_a_worker_of_the_judges_user_is_claimed_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    found = Isolation.of(wire.Ready(0, NEEDED_OF_WORKERS, {}), uid=0)
    assert found.level == "L0"
    assert found.missing == {
        "process tree killed": "what leaves its session and outlives its parent is only found on Linux",
        "closed judge": "only Linux closes a process to others of its user",
    }


@linux_only
@pytest.mark.parametrize(
    ("kind", "limit"), [("CPU", 600), ("FSIZE", 16 * 2**20), ("NOFILE", 64), ("NPROC", 64 if has_users else None)]
)
def test_limits_hold_and_cannot_be_raised(kind: str, limit: int | None, part: Part) -> None:
    if limit is None:
        pytest.skip("the number of processes is only limited where the worker is another user")
    assert seen_inside(part, f"resource.getrlimit(resource.RLIMIT_{kind})") == (limit, limit)


@linux_only
@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0,
    reason="only where the worker is the judge's own user, and that is not root",
)
def test_processes_are_limited_above_what_the_user_runs(part: Part) -> None:
    soft, hard = seen_inside(part, "resource.getrlimit(resource.RLIMIT_NPROC)")
    assert QUICK.processes + 1024 < soft == hard < 2**16


@linux_only
def test_memory_is_limited_above_what_the_worker_has_loaded(part: Part) -> None:
    limit = seen_inside(part, "resource.getrlimit(resource.RLIMIT_AS)[1]")
    assert 2 * 2**30 < limit < 4 * 2**30


@root_only
def test_the_worker_is_another_user_for_good(part: Part) -> None:
    users = seen_inside(part, "[*os.getresuid(), *os.getresgid(), *os.getgroups()]")
    assert len(set(users)) == 1
    assert users[0] >= 61_184
    status = seen_inside(part, "pathlib.Path('/proc/self/status').read_text()")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1"
    reading = f"{1 << 2:016x}"  # CAP_DAC_READ_SEARCH, where the interpreter is in root's home
    assert fields["CapPrm"] in ("0" * 16, reading)
    assert fields["CapEff"] == fields["CapPrm"]
    assert fields["CapInh"] == fields["CapAmb"] == "0" * 16


@root_only
def test_reading_everything_is_kept_only_where_the_interpreter_needs_it(
    part: Part, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = (Path(sys.base_prefix), Path(sysconfig.get_paths()["purelib"]))
    needed = not isolation._readable_by_others(*folders)
    capabilities = "pathlib.Path('/proc/self/status').read_text().partition('CapEff:\\t')[2][:16]"
    assert (seen_inside(part, capabilities) != "0" * 16) == needed
    monkeypatch.setattr(isolation, "_readable_by_others", lambda *_: False)
    assert seen_inside(part, capabilities) != "0" * 16


@posix_only
def test_the_worker_leads_its_own_session_in_its_own_home(part: Part) -> None:
    assert seen_inside(part, "os.getsid(0) == os.getpid() == os.getpgid(0)") is True
    assert seen_inside(part, "os.getcwd() == os.environ['HOME'] == os.path.join(sys.path[0], 'home')") is True
    assert seen_inside(part, "os.listdir()") == []


@linux_only
def test_the_worker_has_its_wire_and_its_output_and_no_other_descriptor(part: Part) -> None:
    kept = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(kept, True)
    found = seen_inside(
        part, "[os.readlink(f'/proc/self/fd/{n}') for n in range(256) if os.path.exists(f'/proc/self/fd/{n}')]"
    )
    os.close(kept)
    assert found[0] == os.devnull
    assert [name.partition(":")[0] for name in found[1:]] == ["pipe"] * 4
    assert found[1] == found[2] != found[3] != found[4], "what is printed goes to the judge's collector"


def test_the_worker_reads_no_site_and_no_environment(part: Part) -> None:
    flags = seen_inside(part, "[sys.flags.isolated, sys.flags.no_site, sys.flags.ignore_environment]")
    assert flags == [1, 1, 1]
    assert seen_inside(part, "sorted(set(os.environ) - {'LC_CTYPE'})") == sorted(
        {"HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "LC_ALL", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"}
        | {f"{library}_NUM_THREADS" for library in ("OPENBLAS", "OMP", "MKL")}
        | ({"SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} & set(os.environ))
    )


def test_the_worker_has_loaded_nothing_of_the_judge(part: Part) -> None:
    loaded = seen_inside(part, "sorted(sys.modules)")
    ours = {name for name in loaded if name.partition(".")[0] == "autograder"}
    assert ours <= {"autograder", "autograder.worker"} | {f"autograder.worker.{name}" for name in WORKER_MODULES}
    assert not {"torch", "hypothesis", "pytest", "ctypes", "autograder.judge"} & set(loaded)


# What a submission can make of it


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a judge that is not root: the worker is the judge's own user, and can write to its stage."""
    monkeypatch.setattr(candidate_module, "reserve_user", lambda _: WorkerUser())


REPLACE_MAIN = """
import os, pathlib, sys
def double(x):
    (pathlib.Path(sys.path[0]) / "autograder" / "worker" / "main.py").write_text(MAIN)
    os._exit(0)
"""
LIE = """
import sys, time
sys.path[:0] = sys.argv[1:2]
sys.path.extend(sys.argv[2:])
from autograder.worker import wire
wire.read_request(sys.stdin.buffer)
wire.write_message(sys.stdout.buffer, wire.Ready(0, ["L2", "L3", "everything"], {}))
time.sleep(60)
"""


@pytest.mark.usefixtures("unguarded")
def test_the_report_is_the_first_workers_who_has_run_nothing_yet(part: Part) -> None:
    """A submission that gets at the worker's files does not write the report of the next one."""
    source = f"MAIN = {LIE!r}\n" + REPLACE_MAIN + SOLUTION["toy.py"].partition("### END SOLUTION")[2]
    with toy_candidate(part, {"toy.py": source}) as candidate:
        before = candidate.isolation
        with pytest.raises(Crashed):
            candidate.run(toy_probes(part).run_double, x=0.0)
        candidate._live_worker()
        assert candidate.isolation == before
        assert candidate.isolation.level == ("L1" if is_linux else "L0")


@pytest.mark.usefixtures("unguarded")
def test_a_submission_that_keeps_the_next_worker_from_starting_has_crashed_it(part: Part) -> None:
    """That is its fault, not the grader's."""
    source = "MAIN = 'raise SystemExit'\n" + REPLACE_MAIN + SOLUTION["toy.py"].partition("### END SOLUTION")[2]
    with toy_candidate(part, {"toy.py": source}) as candidate:
        probes = toy_probes(part)
        for _ in range(3):
            with pytest.raises(Crashed):
                candidate.run(probes.run_double, x=0.0)
    with toy_candidate(part) as candidate:
        (candidate.stage.folder / "autograder" / "worker" / "main.py").write_text("raise SystemExit")
        candidate._forget_worker()
        with pytest.raises(GraderFault):
            candidate.run(toy_probes(part).run_double, x=0.0)


def test_an_isolation_report_is_in_the_record(part: Part) -> None:
    from autograder.judge.grading import grade

    collection = collect_toy(part, examples=1)
    with toy_candidate(part) as candidate:
        record = grade(collection, candidate, "x", shrinks=False)
        assert record.isolation.level == candidate.isolation.level
        assert set(record.isolation.layers) == set(candidate.isolation.layers)
        assert record.isolation.missing == candidate.isolation.missing
