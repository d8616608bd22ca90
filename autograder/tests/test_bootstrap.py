"""Set-up on machines of every kind, none of which is this one: each test runs against a made-up world."""

from __future__ import annotations

import ast
import contextlib
import errno
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autograder import bootstrap

ROOT = Path(bootstrap.ROOT)
REFUSED = "error: Failed to fetch\n  cause: invalid peer certificate: UnknownIssuer\n\nhint: --system-certs"
LINUX = bootstrap.Interpreter((3, 11, 7), "CPython", 64, False, "Linux", "x86_64", "2.36")


class StartedAgain(Exception):
    """The process was replaced; raised where the real one never returns."""


class World(bootstrap.Machine):
    """A machine in memory, except for one folder that holds a clone; its path has a space and an umlaut."""

    def __init__(self, folder: Path, python: bootstrap.Interpreter = LINUX) -> None:
        super().__init__()
        self.root = str(folder / "a clone für alle")
        self.python = python
        self.interpreter = lambda: self.python
        self.prefix, self.search_path = str(folder / "system"), []
        self.executable = os.path.join(self.prefix, "python3")
        self.environ: dict[str, str] = {}
        self.run, self.replace_process = self.simulate, self.start_again
        self.which = lambda name: name if name in self.programs else None
        self.confirm = self.answer
        self.agrees, self.questions = False, 0
        self.programs: set[str] = set()
        self.working = {"venv", "pip", "network", "uv's certificates", "cpu index", "uv"}
        self.other_pythons: dict[str, dict[str, Any]] = {}
        self.interrupt_at = ""
        self.pip_in_venv = True
        self.trouble = "connection broken by"  # what pip says where it gets nothing
        self.kernels = ""  # where Jupyter keeps the user's
        self.commands: list[list[str]] = []
        self.last_install: list[str] = []
        self.environments: list[dict[str, str]] = []
        os.makedirs(self.root)
        for name in ("pyproject.toml", "constraints.txt"):
            Path(self.root, name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")

    @property
    def packages(self) -> Path:
        return Path(self.venv, "packages")

    def install_core(self, folder: Path, **versions: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for need in bootstrap.core_needs(self):
            name, _, version = re.split("(==|>=|$)", need, maxsplit=1)
            (folder / f"{name}-{versions.get(name, version or '1.0')}.dist-info").mkdir(exist_ok=True)

    def simulate(self, command: list[str], **options: Any) -> SimpleNamespace:
        self.commands.append(command)
        self.environments.append(options["env"])
        line = " ".join(command)
        if self.interrupt_at and self.interrupt_at in line:
            raise KeyboardInterrupt
        succeeded, output = self.outcome(command, line, options["env"])
        return SimpleNamespace(returncode=0 if succeeded else 1, stdout=output)

    def answer(self, question: str) -> bool:
        self.questions += 1
        return self.agrees

    def uv_is_refused(self, environ: dict[str, str]) -> bool:
        """Tell whether a proxy's certificate is in the system's store only, and uv was not told to look there."""
        return "uv's certificates" not in self.working and environ.get("UV_SYSTEM_CERTS") != "1"

    def outcome(self, command: list[str], line: str, environ: dict[str, str]) -> tuple[bool, str]:
        if "--report" in command:
            report = self.other_pythons.get(command[0])
            return bool(report), json.dumps(report)
        if "ipykernel" in command:
            installed = f"Installed kernelspec sfratorch in {self.kernels}"
            return bool(self.kernels), installed if self.kernels else "Traceback:\n[Errno 13] Permission denied\n"
        if command[-1] == "--version":
            if command[0] == self.venv_python and not self.pip_in_venv:
                return False, "No module named pip"
            there = "pip" in command or command[0] in self.programs or os.path.exists(command[0])
            return there and ("pip" if "pip" in command else "uv") in self.working, "uv 0.13.9"
        if " -m pip install" in line and command[-1] == "uv":
            folder = Path(command[-2]) / "bin" if "--target" in command else Path(command[0]).parent
            if {"network", "pip"} <= self.working:
                self.touch(folder / self.uv_name)
            return {"network", "pip"} <= self.working, self.trouble
        if command[1:3] in (["-m", "venv"], ["-m", "virtualenv"]) or command[0] == "virtualenv" or "venv" in command:
            way = "uv" if Path(command[0]).name == self.uv_name else "virtualenv" if "virtualenv" in line else "venv"
            works = (way if "--without-pip" not in command else "bare venv") in self.working
            if way == "uv" and command[command.index("--python") + 1] == bootstrap.MANAGED_PYTHON:
                if self.uv_is_refused(environ):
                    return False, REFUSED
                works = "network" in self.working
            self.touch(Path(self.venv_python) if works else Path(self.venv, "half", "made"))
            return works, "error: no download\n  cause: dns error"
        return self.install_outcome(command, line, environ)

    def install_outcome(self, command: list[str], line: str, environ: dict[str, str]) -> tuple[bool, str]:
        through_uv = Path(command[0]).name == self.uv_name
        if "network" not in self.working or ("uv" if through_uv else "pip") not in self.working:
            return False, ""
        if through_uv and self.uv_is_refused(environ):
            return False, REFUSED
        cpu_build = environ.get("UV_TORCH_BACKEND") == "cpu" if through_uv else "torch==2.13.0+cpu" in command
        if cpu_build and "cpu index" not in self.working:
            return False, ""
        if "--dry-run" in command:
            return True, "" if cpu_build or "cpu wheel" in self.working else " + nvidia-cublas==13.1\n + torch==2.13.0"
        if "--editable" in command:
            self.install_core(self.packages)
        return True, ""

    @property
    def uv_name(self) -> str:
        return "uv.exe" if os.name == "nt" else "uv"

    def touch(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def start_again(self, command: list[str], environ: dict[str, str]) -> None:
        assert command[0] == self.venv_python
        self.environ, self.executable, self.prefix = environ, command[0], self.venv
        self.search_path, self.python = [str(self.packages)], LINUX
        raise StartedAgain(command[1:])

    def set_up(self, extra: str = "") -> None:
        """A run that sets up, and the second process that finds everything there."""
        with pytest.raises(StartedAgain):
            bootstrap.ensure_environment(extra, machine=self)
        self.last_install = self.commands[-1]
        self.commands.clear()
        bootstrap.ensure_environment(extra, machine=self)
        assert self.commands == []
        assert bootstrap.read_state(self)["finished"]

    def ran(self, *words: str) -> bool:
        return any(all(word in " ".join(command) for word in words) for command in self.commands)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refused(world: World, capsys: pytest.CaptureFixture[str], extra: str = "") -> str:
    with pytest.raises(SystemExit) as exit_:
        bootstrap.ensure_environment(extra, machine=world)
    assert exit_.value.code == 2
    return capsys.readouterr().err


# ---- an environment that already meets the needs


def test_an_environment_that_meets_the_needs_is_used_as_it_is(world: World, tmp_path: Path) -> None:
    world.install_core(tmp_path / "site", torch="2.13.0+cpu", numpy="2.4.6")
    world.search_path = ["/nowhere", str(tmp_path / "site")]
    bootstrap.ensure_environment(machine=world)
    assert world.commands == []
    assert not os.path.exists(world.venv)


@pytest.mark.parametrize(("name", "version"), [("torch", "2.13.1"), ("torch", "2.12.0"), ("numpy", "1.26.4")])
def test_another_version_is_a_missing_one(world: World, tmp_path: Path, name: str, version: str) -> None:
    world.install_core(tmp_path / "site", **{name: version})
    world.search_path = [str(tmp_path / "site")]
    assert [need.startswith(name) for need in bootstrap.unmet_needs(world)] == [True]


def test_names_are_compared_as_package_indexes_do(tmp_path: Path) -> None:
    for folder in ("Some_Name-2.0.1.dist-info", "old-1.2-py3.11.egg-info", "~orch-1.0.dist-info", "torch"):
        (tmp_path / folder).mkdir()
    installed = bootstrap.installed_versions([str(tmp_path), str(tmp_path / "missing")])
    assert installed == {"some_name": "2.0.1", "old": "1.2"}
    assert bootstrap.meets(installed, "some-name>=2")
    assert not bootstrap.meets(installed, "some.name>=2.1")
    assert bootstrap.meets(installed, "old")


def test_it_can_be_turned_off(world: World) -> None:
    world.environ["SFRATORCH_NO_BOOTSTRAP"] = "1"
    bootstrap.ensure_environment(machine=world)
    assert world.commands == []


# ---- a fresh clone


def test_a_fresh_clone_is_set_up_and_the_same_command_started_in_it(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["python3", "-m", "part1.benchmarks", "--json", "a b"]
    monkeypatch.setattr(sys, "orig_argv", command, raising=False)
    with pytest.raises(StartedAgain) as again:
        bootstrap.ensure_environment(machine=world)
    assert again.value.args == (command[1:],)
    said = capsys.readouterr().err.splitlines()
    assert "torch==2.13.0" in said[1]
    assert re.search(r"about \d+ MB to download, 1 GB on disk", said[2])
    assert "activate" in said[-1].lower()
    bootstrap.ensure_environment(machine=world)


def test_a_later_run_outside_only_switches(world: World, tmp_path: Path) -> None:
    world.set_up()
    outside = World(tmp_path / "another")
    outside.root = world.root
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=outside)
    assert outside.commands == []


def test_a_clone_that_was_moved_is_set_up_anew(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.set_up()
    moved = World(Path(world.root))
    os.rename(world.venv, moved.venv)
    assert not bootstrap.is_finished(moved)
    moved.set_up()
    assert f"was made for {world.root}, and its scripts run that one: making it anew" in capsys.readouterr().err


def test_a_package_that_went_missing_is_added(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.set_up()
    (world.packages / "msgspec-1.0.dist-info").rmdir()
    world.set_up()
    assert "lacks msgspec: adding it. At most 280 MB to download." in capsys.readouterr().err


def test_an_environment_that_stays_incomplete_is_not_started_for_ever(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    (world.packages / "msgspec-1.0.dist-info").rmdir()
    assert "still lacks msgspec" in refused(world, capsys)


# ---- machines that lack something


def test_without_ensurepip_uv_is_installed_aside(world: World) -> None:
    world.working.remove("venv")
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    assert world.ran("pip install", "--target")
    assert world.ran("uv", " venv --seed", os.path.join("system", "python3"))
    assert not Path(world.venv, "half").exists()


@pytest.mark.parametrize(("way", "pip"), [("virtualenv", ".venv"), ("bare venv", "system/python3 -m pip --python")])
def test_without_ensurepip_and_uv_there_are_other_ways(world: World, way: str, pip: str) -> None:
    world.working = world.working - {"venv", "uv"} | {way}
    world.pip_in_venv = way == "virtualenv"
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    assert bootstrap.read_state(world)["finished"]
    assert world.ran(os.path.normpath(pip), "--editable .")


def test_with_no_way_to_make_an_environment_the_package_to_install_is_named(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.working = {"network"}
    assert "apt install python3-venv" in refused(world, capsys)
    assert not os.path.exists(world.venv)


def test_an_old_python_hands_over_to_a_newer_one_on_the_path(world: World) -> None:
    world.python = LINUX._replace(version=(3, 8, 18))
    world.programs = {"python3.12", "python3"}
    world.other_pythons = {"python3.12": {"executable": "/opt/python3.12", "problem": "", "unmet": []}}
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    assert world.ran("/opt/python3.12 -m venv")


def test_an_old_python_alone_takes_the_one_that_uv_brings(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.python = LINUX._replace(version=(3, 6, 15))
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    assert "a Python 3.13 that uv brings" in capsys.readouterr().err
    assert world.ran(" venv --seed", "--python 3.13")


@pytest.mark.parametrize("lacking", ["network", "uv"])
def test_an_old_python_that_finds_no_other_says_what_to_do(
    world: World, capsys: pytest.CaptureFixture[str], lacking: str
) -> None:
    world.python = LINUX._replace(version=(3, 8, 18))
    world.working.remove(lacking)
    said = refused(world, capsys)
    assert "needs a 64-bit CPython 3.11 to 3.14; this is Python 3.8.18" in said
    assert "Install Python 3.13" in said
    assert not os.path.exists(world.venv)


@pytest.mark.parametrize("programs", [set(), {"uv"}])
def test_without_a_network_nothing_half_made_stays(
    world: World, capsys: pytest.CaptureFixture[str], programs: set[str]
) -> None:
    world.working.remove("network")
    world.programs = programs
    said = refused(world, capsys)
    assert "the network is back" in said
    assert not os.path.exists(world.venv)
    world.working.add("network")
    world.set_up()


def test_a_certificate_that_only_the_system_knows_is_found_there(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.working.remove("uv's certificates")
    world.set_up()
    assert "taking the system's certificates" in capsys.readouterr().err
    assert world.environments[-1].items() >= {**bootstrap.SYSTEM_CERTIFICATES, "UV_TORCH_BACKEND": "cpu"}.items()


def test_a_python_comes_through_a_proxy_with_its_own_certificate(world: World) -> None:
    world.python = LINUX._replace(version=(3, 8, 18))
    world.working.remove("uv's certificates")
    world.set_up()


def test_a_certificate_that_pip_does_not_know_is_not_a_missing_network(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.working.remove("network")
    world.trouble = "connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]"
    said = refused(world, capsys)
    assert "Name the file that holds it in PIP_CERT" in said
    assert "network is back" not in said


@pytest.mark.parametrize("name", ["UV_SYSTEM_CERTS", "UV_NATIVE_TLS"])
def test_what_the_user_says_of_certificates_holds(world: World, name: str) -> None:
    world.working.remove("uv's certificates")
    world.environ[name] = "0"
    world.set_up()
    certificates = [{*bootstrap.SYSTEM_CERTIFICATES.items()} & {*environ.items()} for environ in world.environments]
    assert not any(certificates)
    assert "torch==2.13.0+cpu" in world.last_install


@pytest.mark.parametrize("cause", ["a mirror without it", "a folder without it"])
def test_cuda_is_not_downloaded_unasked(world: World, capsys: pytest.CaptureFixture[str], cause: str) -> None:
    world.working.remove("cpu index")
    if cause == "a folder without it":
        world.environ["PIP_FIND_LINKS"] = "/wheels"
    said = refused(world, capsys)
    assert "2.8 GB to download, 5 GB on disk" in said
    assert "Nothing of it was downloaded. To avoid it, let https://download.pytorch.org/whl/cpu through" in said
    assert world.questions == 1
    assert not os.path.exists(world.venv)

    world.agrees = True
    world.set_up()
    assert "UV_TORCH_BACKEND" not in world.environments[-1]


def test_cuda_can_be_allowed_where_nobody_can_be_asked(world: World) -> None:
    world.working.remove("cpu index")
    world.environ["SFRATORCH_PLAIN_TORCH"] = "1"
    world.set_up()
    assert world.questions == 0


def test_without_room_for_cuda_it_is_not_downloaded(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=4000 * 10**6))
    world.working.remove("cpu index")
    world.agrees = True
    assert "must have 5000 MB free; got 4000 MB" in refused(world, capsys)


def test_wheels_in_a_folder_raise_no_question(world: World) -> None:
    world.working = world.working - {"cpu index"} | {"cpu wheel"}
    world.environ["PIP_FIND_LINKS"] = "/wheels"
    world.set_up()
    assert world.questions == 0


def test_without_a_network_nobody_is_asked_for_gigabytes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.working.remove("network")
    world.programs = {"uv"}
    assert "GB" not in refused(world, capsys).split("nothing behind.")[1]
    assert world.questions == 0


def test_an_extra_asks_nothing_of_torch_that_is_there(world: World) -> None:
    world.set_up()
    world.other_pythons[world.venv_python] = {"executable": world.venv_python, "problem": "", "unmet": []}
    world.working = world.working - {"cpu index", "uv"}
    assert bootstrap.install_extra("train", machine=world) == 0
    assert world.questions == 0


def test_a_build_of_torch_that_the_user_chose_is_announced(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.environ["UV_TORCH_BACKEND"] = "cu130"
    world.set_up()
    assert "UV_TORCH_BACKEND=cu130: for CUDA, gigabytes more" in capsys.readouterr().err


@pytest.mark.parametrize(("typed", "agreed"), [("y\n", True), ("Yes\n", True), ("\n", False), ("", False)])
def test_a_question_is_answered_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, agreed: bool
) -> None:
    stdin = io.StringIO(typed)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert not bootstrap.confirm("Take it? [y/N]")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert bootstrap.confirm("Take it? [y/N]") is agreed
    assert capsys.readouterr().err == "Take it? [y/N]\n"


def test_without_uv_pip_installs_the_cpu_build(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.working.remove("uv")
    world.set_up()
    assert "Installing through pip, with torch's CPU build." in capsys.readouterr().err
    assert world.last_install[-6:-4] == [bootstrap.CPU_INDEX, "torch==2.13.0+cpu"]
    assert world.questions == 0


def test_a_read_only_clone_says_so(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "makedirs", refuse)
    assert "must be writable for set-up; got Read-only file system" in refused(world, capsys)
    assert world.commands == []


def test_a_full_disk_is_seen_before_anything_is_downloaded(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5 * 10**6))
    assert "must have 1000 MB free; got 5 MB" in refused(world, capsys)
    assert world.commands == []


# ---- cut short


@pytest.mark.parametrize("moment", ["-m venv", "install --retries 1 uv", "--editable"])
def test_ctrl_c_leaves_nothing_and_the_next_run_finishes(
    world: World, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    world.interrupt_at = moment
    with pytest.raises(SystemExit) as exit_:
        bootstrap.ensure_environment(machine=world)
    assert exit_.value.code == 130
    assert "To start it again: " in capsys.readouterr().err
    assert not os.path.exists(world.venv)
    world.interrupt_at = ""
    world.set_up()


def test_what_a_kill_left_behind_is_not_taken_for_finished(world: World) -> None:
    bootstrap.write_state(world, {"root": world.root, "finished": False, "extras": ["train"]})
    world.install_core(world.packages)
    leftover = Path(world.venv, "torch", "half")
    world.touch(leftover)
    world.touch(Path(world.venv_python))
    world.prefix, world.search_path = world.venv, [str(world.packages)]  # even from inside, where all seems there
    world.set_up()
    assert not leftover.exists()
    assert bootstrap.read_state(world)["extras"] == ["train"]


def test_a_state_file_cut_short_counts_as_unfinished(world: World) -> None:
    world.set_up()
    Path(world.venv, bootstrap.STATE).write_text('{"root": "', encoding="utf-8")
    assert not bootstrap.is_ready(world)


def test_ctrl_c_while_an_extra_is_added_makes_the_environment_unfinished(world: World) -> None:
    world.set_up()
    world.interrupt_at = "--editable"
    with pytest.raises(SystemExit) as exit_:
        bootstrap.install_extra("train", machine=world)
    assert exit_.value.code == 130
    assert not bootstrap.is_ready(world)
    world.interrupt_at = ""
    world.set_up()


def test_an_extra_that_cannot_be_had_changes_nothing(world: World) -> None:
    world.set_up()
    world.working.remove("network")
    with pytest.raises(SystemExit):
        bootstrap.install_extra("train", machine=world)
    assert bootstrap.read_state(world)["extras"] == []
    assert bootstrap.is_ready(world)


def test_a_second_set_up_waits_for_the_first_and_uses_its_result(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = World(tmp_path / "another")
    first.root = world.root
    with contextlib.ExitStack() as held:
        held.enter_context(bootstrap.only_one_set_up(first))
        held.callback(bootstrap.build, first, [])
        monkeypatch.setattr("time.sleep", lambda _: held.close())
        with pytest.raises(StartedAgain):
            bootstrap.ensure_environment(machine=world)
    assert world.commands == []
    assert "Another set-up of this folder is under way" in capsys.readouterr().err


def test_the_lock_is_exclusive(tmp_path: Path) -> None:
    with open(tmp_path / "lock", "a") as first, open(tmp_path / "lock", "a") as second:
        assert bootstrap.lock(first)
        assert not bootstrap.lock(second)


# ---- a .venv that someone else made


def own_venv(world: World, **report: Any) -> Path:
    world.touch(Path(world.venv_python))
    world.other_pythons[world.venv_python] = {"executable": world.venv_python, "problem": "", "unmet": [], **report}
    return Path(world.venv)


def test_a_venv_of_the_user_that_meets_the_needs_is_used(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.install_core(own_venv(world) / "packages")
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    bootstrap.ensure_environment(machine=world)
    assert capsys.readouterr().err == ""


def test_a_venv_of_the_user_is_not_added_to_in_silence(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    own_venv(world, unmet=["msgspec"])
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    assert (
        "was not made by SfraTorch; adding what it lacks: msgspec. At most 280 MB to download."
        in capsys.readouterr().err
    )
    assert not Path(world.venv, bootstrap.STATE).exists()


@pytest.mark.parametrize("report", [{"problem": "Python 3.9.18"}, None])
def test_a_venv_of_the_user_that_cannot_serve_is_left_alone(
    world: World, capsys: pytest.CaptureFixture[str], report: dict[str, str] | None
) -> None:
    folder = own_venv(world, **(report or {}))
    if report is None:
        world.other_pythons.clear()
    before = sorted(folder.rglob("*"))
    assert "was not made by SfraTorch. Rename or remove it" in refused(world, capsys)
    assert sorted(folder.rglob("*")) == before


def test_a_file_in_the_place_of_the_venv_is_left_alone(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path(world.venv).write_text("/home/me/.virtualenvs/mine", encoding="utf-8")
    assert "was not made by SfraTorch. Rename or remove it" in refused(world, capsys)


# ---- a .venv that is a link

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def linked(world: World, tmp_path: Path, unmet: tuple[str, ...] = (), finished: bool = True) -> Path:
    """The .venv of another checkout, to which that of the world is a link."""
    other = World(tmp_path / "another")
    other.set_up()
    bootstrap.write_state(other, {**bootstrap.read_state(other), "finished": finished})
    os.symlink(other.venv, world.venv)
    world.other_pythons[world.venv_python] = {"executable": world.venv_python, "problem": "", "unmet": [*unmet]}
    return Path(other.venv)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@needs_links
def test_a_link_to_what_meets_the_needs_is_used(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = linked(world, tmp_path)
    before, _ = contents(other), capsys.readouterr()
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    bootstrap.ensure_environment(machine=world)
    assert contents(other) == before
    assert capsys.readouterr().err == ""


@needs_links
@pytest.mark.parametrize(("unmet", "finished"), [(("msgspec",), True), ((), False)])
def test_what_a_link_leads_to_is_never_changed(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], unmet: tuple[str, ...], finished: bool
) -> None:
    other = linked(world, tmp_path, unmet, finished)
    before, _ = contents(other), capsys.readouterr()
    said = refused(world, capsys)
    assert said.startswith(
        f"{world.venv} is a link to {other}, which lacks {''.join(unmet) or 'a finished set-up'} and"
    )
    assert said.count("\n") == 1
    assert contents(other) == before
    assert os.path.islink(world.venv)


@needs_links
def test_a_link_that_leads_nowhere_is_named(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.symlink(tmp_path / "gone", world.venv)
    assert f"is a link to {tmp_path / 'gone'}, which lacks a 64-bit CPython 3.11 to 3.14 and" in refused(world, capsys)
    assert not (tmp_path / "gone").exists()


@needs_links
def test_an_extra_is_not_added_through_a_link(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = linked(world, tmp_path)
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)
    before = contents(other)
    with pytest.raises(SystemExit):
        bootstrap.install_extra("train", machine=world)
    assert "which lacks train and was not made for this checkout" in capsys.readouterr().err
    assert contents(other) == before


@needs_links
def test_our_own_venv_may_be_moved_and_linked(world: World, tmp_path: Path) -> None:
    world.set_up()
    os.rename(world.venv, tmp_path / "on a larger disk")
    os.symlink(tmp_path / "on a larger disk", world.venv)
    bootstrap.ensure_environment(machine=world)
    (world.packages / "msgspec-1.0.dist-info").rmdir()
    world.set_up()


@needs_links
def test_a_checkout_may_be_reached_by_another_path(world: World, tmp_path: Path) -> None:
    world.set_up()
    outside = World(tmp_path / "another")
    os.symlink(world.root, tmp_path / "short")
    outside.root = str(tmp_path / "short")
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=outside)
    assert outside.commands == []


# ---- extras


def test_an_extra_is_installed_once_and_remembered(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.set_up("train")
    assert bootstrap.install_extra("train", machine=world) == 0
    assert world.commands == []
    assert bootstrap.install_extra("notebooks", machine=world) == 0
    assert world.ran("pip install", ".[notebooks,train]")
    assert bootstrap.read_state(world)["extras"] == ["notebooks", "train"]
    assert "about 95 MB to download" in capsys.readouterr().err


KERNEL = "-m ipykernel install --user --name sfratorch --display-name SfraTorch"


@pytest.mark.parametrize("there_before", [False, True])
def test_the_extra_notebooks_comes_with_a_kernel_for_the_user(
    world: World, capsys: pytest.CaptureFixture[str], there_before: bool
) -> None:
    world.set_up("notebooks" if there_before else "")
    world.kernels = "/home/me/in here/kernels/sfratorch"
    assert bootstrap.install_extra("notebooks", machine=world) == 0
    assert " ".join(world.commands[-1]) == f"{world.venv_python} {KERNEL}"
    assert world.ran("--editable") is not there_before
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "Jupyter offers it as the kernel SfraTorch: /home/me/in here/kernels/sfratorch"


def test_a_kernel_that_cannot_be_registered_is_named_and_no_failure(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.set_up()
    assert bootstrap.install_extra("notebooks", machine=world) == 0
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("The kernel SfraTorch could not be registered: [Errno 13] Permission denied.")
    assert said.endswith(f"python' {KERNEL}")
    assert bootstrap.is_ready(world)
    assert bootstrap.read_state(world)["extras"] == ["notebooks"]


def test_other_extras_come_without_a_kernel(world: World) -> None:
    world.set_up()
    assert bootstrap.install_extra("train", machine=world) == 0
    assert not world.ran("ipykernel")


def test_an_unknown_extra_names_the_right_ones_before_anything_is_set_up(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "must be one of train, notebooks, classroom, peers, dev, cuda; got trian" in refused(world, capsys, "trian")
    with pytest.raises(SystemExit) as exit_:
        bootstrap.install_extra("trian", machine=world)
    assert exit_.value.code == 2
    assert world.commands == []


def test_cuda_is_an_advice(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.install_extra("cuda", machine=world) == 0
    assert world.commands == []
    assert "--torch-backend auto --reinstall-package torch torch==2.13.0" in capsys.readouterr().err


def test_an_environment_of_the_user_gets_an_extra_but_no_uv(world: World) -> None:
    assert bootstrap.install_extra("train", machine=world) == 0
    assert world.commands[-1][:4] == [world.executable, "-m", "pip", "install"]
    assert not world.ran("install", "uv")


# ---- platforms


@pytest.mark.parametrize(
    ("python", "named"),
    [
        (LINUX, ""),
        (LINUX._replace(machine="aarch64", version=(3, 14, 0)), ""),
        (LINUX._replace(system="Darwin", machine="arm64", system_version="15.1"), ""),
        (LINUX._replace(system="Windows", machine="AMD64", system_version=""), ""),
        (LINUX._replace(system="Darwin", machine="x86_64", system_version="15.1"), "macOS on Intel"),
        (LINUX._replace(system="Darwin", machine="arm64", system_version="13.7"), "macOS 13.7"),
        (LINUX._replace(system="Windows", machine="ARM64", system_version=""), "Windows on ARM64"),
        (LINUX._replace(system_version=""), "musl"),
        (LINUX._replace(system_version="2.17"), "glibc 2.17"),
        (LINUX._replace(machine="armv7l", bits=32), "32-bit Linux"),
        (LINUX._replace(machine="riscv64"), "Linux on riscv64"),
        (LINUX._replace(system="FreeBSD", machine="amd64"), "FreeBSD"),
    ],
)
def test_platforms_without_a_wheel_are_named_before_any_download(
    world: World, capsys: pytest.CaptureFixture[str], python: bootstrap.Interpreter, named: str
) -> None:
    if not named:
        assert bootstrap.platform_problem(python) == ""
        return
    world.python = python
    said = refused(world, capsys)
    assert f"torch 2.13.0 has no wheel for {bootstrap.platform_problem(python)}" in said
    assert named in said
    assert world.commands == []


@pytest.mark.parametrize(
    ("python", "named"),
    [
        (LINUX._replace(version=(3, 15, 0)), "Python 3.15.0"),
        (LINUX._replace(version=(3, 10, 13)), "Python 3.10.13"),
        (LINUX._replace(implementation="PyPy"), "PyPy"),
        (LINUX._replace(system="Windows", machine="AMD64", bits=32), "32-bit"),
        (LINUX._replace(version=(3, 13, 0), free_threaded=True), "free-threaded"),
    ],
)
def test_interpreters_without_a_wheel_hand_over_to_another(
    world: World, python: bootstrap.Interpreter, named: str
) -> None:
    assert named in bootstrap.interpreter_problem(python)
    world.python = python
    with pytest.raises(StartedAgain):
        bootstrap.ensure_environment(machine=world)


def test_this_interpreter_is_described() -> None:
    report = subprocess.run(
        [sys.executable, bootstrap.__file__, "--report"], capture_output=True, text=True, check=True
    ).stdout
    described = json.loads(report)
    assert os.path.samefile(described.pop("executable"), sys.executable)
    assert described == {"problem": "", "unmet": []}


# ---- what uv is told


@pytest.mark.parametrize(
    ("system", "given", "told"),
    [
        ("Linux", {}, {"UV_TORCH_BACKEND": "cpu", "UV_FIND_LINKS": ""}),
        ("Linux", {"UV_TORCH_BACKEND": "cu130"}, {"UV_TORCH_BACKEND": "cu130"}),
        ("Linux", {"PIP_FIND_LINKS": "/a /b"}, {"UV_FIND_LINKS": "/a,/b", "UV_TORCH_BACKEND": None}),
        ("Linux", {"PIP_FIND_LINKS": "/a", "UV_FIND_LINKS": "/own"}, {"UV_FIND_LINKS": "/own"}),
        ("Darwin", {}, {"UV_TORCH_BACKEND": None}),
        ("Windows", {}, {"UV_TORCH_BACKEND": None}),
        ("Linux", {"PIP_INDEX_URL": "mirror", "PIP_CERT": "ca"}, {"UV_DEFAULT_INDEX": "mirror", "SSL_CERT_FILE": "ca"}),
        ("Linux", {"UV_SYSTEM_PYTHON": "1"}, {"UV_SYSTEM_PYTHON": None}),
        ("Linux", {}, {"UV_COMPILE_BYTECODE": "1"}),
        ("Linux", {"UV_COMPILE_BYTECODE": "0"}, {"UV_COMPILE_BYTECODE": "0"}),
    ],
)
def test_uv_is_told_what_pip_was_told_and_to_leave_cuda_alone(
    world: World, system: str, given: dict[str, str], told: dict[str, str | None]
) -> None:
    world.python = LINUX._replace(system=system)
    world.environ = dict(given)
    environ = bootstrap.uv_environment(world)
    assert {name: environ.get(name) for name in told} == told
    assert world.environ == given


def test_a_uv_too_old_to_know_torch_backends_is_passed_over(world: World) -> None:
    world.run = lambda *_, **__: SimpleNamespace(returncode=0, stdout="uv 0.6.17 (2025-04-25)")
    assert bootstrap.working_uv(world, "uv") == ""


# ---- the module itself, and the files it reads


@pytest.mark.parametrize("name", ["bootstrap.py", "run.py", "handout.py"])
def test_what_runs_before_set_up_parses_on_old_pythons(name: str) -> None:
    ast.parse((ROOT / "autograder" / name).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_bootstrap_needs_the_standard_library_only() -> None:
    tree = ast.parse(Path(bootstrap.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert "annotations" not in {
        name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
    }


def test_pyproject_is_read_as_tomllib_reads_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert bootstrap.core_needs(bootstrap.Machine()) == project["dependencies"]
    assert bootstrap.extra_names(bootstrap.Machine()) == list(project["optional-dependencies"])
    assert set(bootstrap.EXTRA_DOWNLOAD_MB) == set(project["optional-dependencies"])
    assert "torch==2.13.0" in project["dependencies"]


def test_constraints_name_one_exact_version_of_everything() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    pinned = [pin.split("==")[0] for pin in pins]
    assert len(pinned) == len(set(pinned))
    needs = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[=><]", need)[0] for group in needs for need in group} - {"sfratorch"}
    assert names <= set(pinned)
