"""Set-up: the interpreter that goes on has what SfraTorch needs.

`ensure_environment()` returns at once where the needs are met; else it makes `.venv` and starts the command over in it.
`install_extra(name)` is `run.py --install`.
`python autograder/bootstrap.py` sets up and prints the path of the interpreter to use.

Standard library only, and in the grammar of Python 3.6, so that interpreters that are too old can say so.
"""

import contextlib
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from typing import IO, Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 14)  # the pinned torch has wheels up to here
MANAGED_PYTHON = "3.13"  # what uv brings along where the machine has no usable Python
STATE = "sfratorch.json"  # in a .venv that we made; "finished" turns true as the very last step
STARTED = "SFRATORCH_STARTED_AGAIN"  # "switched" or "installed": why this process is the second one
DOWNLOAD_MB = {"Linux": 280, "Darwin": 170, "Windows": 210}  # the core with torch's CPU build, and uv
EXTRA_DOWNLOAD_MB = {"train": 25, "notebooks": 95, "classroom": 30, "peers": 25, "dev": 145}
DISK_MB = 1000
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CUDA_DISK_MB = 5000  # of torch's plain package on Linux
PIP_TO_UV = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_CERT": "SSL_CERT_FILE"}
SYSTEM_CERTIFICATES = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}  # uv's name since 0.11, and the one before


class SetupError(Exception):
    """Set-up cannot go on; the message is what the user reads."""


class Interpreter(NamedTuple):
    """The facts that decide whether torch has a wheel for an interpreter."""

    version: Tuple[int, ...]
    implementation: str
    bits: int
    free_threaded: bool
    system: str
    machine: str
    system_version: str  # of macOS, or of glibc; empty where Linux has another C library


class Machine:
    """The world outside this module, in one place, so that tests can put a stand-in here."""

    def __init__(self) -> None:
        self.root = ROOT
        self.environ: Any = os.environ
        self.executable = sys.executable
        self.prefix = sys.prefix
        self.search_path = sys.path
        self.interpreter: Callable[[], Interpreter] = this_interpreter
        self.run: Callable[..., Any] = subprocess.run
        self.which: Callable[[str], Optional[str]] = shutil.which
        self.confirm: Callable[[str], bool] = confirm
        self.replace_process: Callable[[List[str], Dict[str, str]], None] = replace_process

    @property
    def venv(self) -> str:
        return os.path.join(self.root, ".venv")

    @property
    def venv_python(self) -> str:
        return os.path.join(self.venv, "Scripts", "python.exe") if os.name == "nt" else self.venv + "/bin/python"

    def in_venv(self) -> bool:
        return os.path.realpath(self.prefix) == os.path.realpath(self.venv)

    def quiet(self, command: List[str], **environ: str) -> Tuple[bool, str]:
        """Run a command unseen; whether it succeeded, and what it printed."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        text = {"universal_newlines": True, "errors": "replace"}
        try:
            done = self.run(command, cwd=self.root, env=dict(environ or self.environ), **pipes, **text)
        except OSError as problem:
            return False, str(problem)
        return done.returncode == 0, done.stdout or ""

    def watched(self, command: List[str], environ: Mapping[str, str]) -> bool:
        """Run a command whose progress the user sees, on standard error: standard output may be a report's."""
        return bool(self.run(command, cwd=self.root, env=dict(environ), stdout=2).returncode == 0)


# ---- what run.py and handout.py call


def ensure_environment(extra: str = "", machine: Optional[Machine] = None) -> None:
    """Return if this interpreter meets the needs; else set `.venv` up, `extra` included, and start again in it."""
    machine = machine or Machine()
    started = machine.environ.pop(STARTED, "")
    if machine.environ.get("SFRATORCH_NO_BOOTSTRAP") == "1":
        return
    with explained():
        if extra == "cuda":
            extra = ""  # an advice, not a package
        if extra:
            refuse_unknown_extra(machine, extra)
        if is_ready(machine):
            return
        if started == "installed" or (started and not machine.in_venv()):
            missing = ", ".join(unmet_needs(machine)) or "a finished set-up"
            raise SetupError(f"{machine.venv} still lacks {missing} after set-up. Delete it and run this once more.")
        finished = is_finished(machine) and not machine.in_venv()
        reason = "switched" if finished else set_up(machine, extra)
        machine.replace_process([machine.venv_python, *same_command()], dict(machine.environ, **{STARTED: reason}))


def install_extra(name: str, machine: Optional[Machine] = None) -> int:
    """Add an extra of pyproject.toml to the running environment; the exit code."""
    machine = machine or Machine()
    if name == "cuda":
        say(cuda_advice(machine))
        return 0
    with explained(), only_one_set_up(machine):
        refuse_unknown_extra(machine, name)
        if machine.in_venv() and name in read_state(machine).get("extras", []):
            say(f"{name} is installed in {machine.prefix}.")
        elif machine.in_venv() and is_elsewhere(machine):
            raise elsewhere(machine, name)
        else:
            say(f"Adding {name} to {machine.prefix}: about {EXTRA_DOWNLOAD_MB.get(name, 0)} MB to download.")
            update(machine, machine.executable, [name])
            say(f"{name} is installed.")
        if name == "notebooks":
            register_kernel(machine)
    return 0


def register_kernel(machine: Machine) -> None:
    """Let every Jupyter of the user run notebooks in this environment; say where, or why that failed."""
    arguments = ["install", "--user", "--name", "sfratorch", "--display-name", "SfraTorch"]
    command = [machine.executable, "-m", "ipykernel", *arguments]
    done, output = machine.quiet(command)
    if done:
        say(f"Jupyter offers it as the kernel SfraTorch: {last_line(output).split(' in ', 1)[-1]}")
    else:
        by_hand = " ".join(map(shlex.quote, command))
        say(f"The kernel SfraTorch could not be registered: {last_line(output)}. To try it again: {by_hand}")


# ---- what is needed, and what is there


def refuse_unknown_extra(machine: Machine, name: str) -> None:
    known = extra_names(machine)
    if name not in known:
        raise SetupError(f"EXTRA must be one of {', '.join(known)}, cuda; got {name}. Example: --install {known[0]}")


def core_needs(machine: Machine) -> List[str]:
    return re.findall(r'"([^"]+)"', project_text(machine, r"^dependencies = \[", r"^\]"))


def torch_need(machine: Machine) -> str:
    return next(need for need in core_needs(machine) if need.startswith("torch"))


def extra_names(machine: Machine) -> List[str]:
    return re.findall(r"(?m)^(\w+) = \[", project_text(machine, r"^\[project\.optional-dependencies\]", r"^\[\w"))


def project_text(machine: Machine, start: str, end: str) -> str:
    """The text between two patterns in pyproject.toml (tomllib came with Python 3.11)."""
    with open(os.path.join(machine.root, "pyproject.toml"), encoding="utf-8") as file:
        after = re.split("(?m)" + start, file.read(), maxsplit=1)[1]
    return re.split("(?m)" + end, after, maxsplit=1)[0]


def is_ready(machine: Machine) -> bool:
    if machine.interpreter().version < OLDEST or unmet_needs(machine):
        return False
    return not machine.in_venv() or bool(read_state(machine).get("finished", True))


def unmet_needs(machine: Machine) -> List[str]:
    """The core needs that no installed distribution meets.

    Reads the names of the metadata folders: that takes 1 ms, where importing importlib.metadata takes 30 ms.
    """
    installed = installed_versions(machine.search_path)
    return [need for need in core_needs(machine) if not meets(installed, need)]


def installed_versions(search_path: List[str]) -> Dict[str, str]:
    versions: Dict[str, str] = {}
    for folder in search_path:
        with contextlib.suppress(OSError):
            for entry in os.listdir(folder or "."):
                found = re.match(r"([\w.]+)-([^-]+).*\.(?:dist|egg)-info$", entry)
                if found:
                    versions.setdefault(found.group(1).replace(".", "_").lower(), found.group(2))
    return versions


def meets(installed: Dict[str, str], need: str) -> bool:
    ((name, comparison, wanted),) = re.findall("([^=>]+)(==|>=)?(.*)", need)  # 3.6 does not split at an empty match
    version = installed.get(re.sub(r"[-.]", "_", name).lower(), "").split("+")[0]  # 2.13.0+cpu is a 2.13.0
    if comparison == "==":
        return version == wanted
    return bool(version) and numbers(version) >= numbers(wanted)


def numbers(version: str) -> List[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


# ---- for which interpreters and platforms torch has a wheel


def this_interpreter() -> Interpreter:
    system_version = platform.mac_ver()[0]
    if sys.platform.startswith("linux"):
        with contextlib.suppress(ValueError, OSError):  # musl does not know the name
            system_version = (os.confstr("CS_GNU_LIBC_VERSION") or "").replace("glibc ", "")
    return Interpreter(
        version=tuple(sys.version_info[:3]),
        implementation=platform.python_implementation(),
        bits=64 if sys.maxsize > 2**32 else 32,
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        system=platform.system(),
        machine=platform.machine(),
        system_version=system_version,
    )


def interpreter_problem(python: Interpreter) -> str:
    """Why this interpreter cannot serve although another one on the same machine might; empty if it can."""
    if python.implementation != "CPython":
        return f"{python.implementation}, for which torch has no wheel"
    if python.bits == 32:
        return "a 32-bit Python, for which torch has no wheel"
    if not OLDEST <= python.version[:2] <= NEWEST:
        return "Python " + ".".join(map(str, python.version))
    if python.free_threaded and python.version < (3, 14):
        return "a free-threaded Python, for which torch has no wheel below 3.14"
    return ""


def platform_problem(python: Interpreter) -> str:
    """The platform for which no interpreter has a wheel of the pinned torch; empty if there is one."""
    machine, version = python.machine, python.system_version
    if python.system == "Linux":
        if python.bits == 32 and machine not in ("x86_64", "aarch64"):
            return f"32-bit Linux ({machine})"
        if machine not in ("x86_64", "aarch64"):
            return f"Linux on {machine}"
        if numbers(version) < [2, 28]:
            return f"Linux with glibc {version}" if version else "Linux without glibc (musl, for example Alpine)"
    elif python.system == "Darwin":
        if machine != "arm64":
            return "macOS on Intel (if this is Apple silicon: this Python is an Intel one, use an arm64 Python)"
        if numbers(version) < [14]:
            return f"macOS {version}"
    elif python.system == "Windows":
        if machine.upper() != "AMD64" and python.bits == 64:
            return f"Windows on {machine} (an x86-64 Python runs there, too: use one)"
    else:
        return python.system
    return ""


def refuse_impossible_platform(machine: Machine) -> None:
    problem = platform_problem(machine.interpreter())
    if problem:
        torch = torch_need(machine).replace("==", " ")
        raise SetupError(
            f"{torch} has no wheel for {problem}; nothing was downloaded. It has wheels for Linux with glibc 2.28 or"
            " later (x86-64, ARM64), macOS 14 or later on Apple silicon, and 64-bit Windows. A Python that already has"
            f" {', '.join(core_needs(machine))} is used as it is."
        )


def wanted_python() -> str:
    return f"a 64-bit CPython {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"


def usable_python(machine: Machine) -> str:
    """An interpreter that can make `.venv`: this one, else one on PATH, else "" for one that uv brings."""
    if not interpreter_problem(machine.interpreter()):
        # An unfinished .venv is about to be emptied: its own interpreter cannot do that.
        return getattr(sys, "_base_executable", sys.executable) if machine.in_venv() else machine.executable
    names = ["python3.13", "python3.12", "python3.11", "python3.14", "python3", "python"]
    for command in [[name] for name in names] + [["py", "-" + name[6:]] for name in names[:4]]:
        report = ask(machine, command) if machine.which(command[0]) else {}
        if report and not report["problem"]:
            return str(report["executable"])
    return ""


def ask(machine: Machine, command: List[str]) -> Dict[str, Any]:
    """Ask what this file reports about another interpreter; empty if that one does not run."""
    succeeded, output = machine.quiet([*command, os.path.abspath(__file__), "--report"])
    with contextlib.suppress(ValueError, TypeError):
        return dict(json.loads(output)) if succeeded else {}
    return {}


# ---- set-up


def set_up(machine: Machine, extra: str) -> str:
    """Make, complete or repair `.venv`; "installed", or "switched" if another process has just done it."""
    extras = [extra] if extra else []
    with only_one_set_up(machine):
        state = read_state(machine)
        if is_elsewhere(machine) or (not state and os.path.exists(machine.venv)):
            return adopt(machine, extras)
        if not is_finished(machine):
            if not made_here(machine) and state.get("root"):
                say(f"{machine.venv} was made for {state['root']}, and its scripts run that one: making it anew.")
            build(machine, sorted({*state.get("extras", []), *extras}))
        elif machine.in_venv() and unmet_needs(machine):
            most = f"At most {download_mb(machine, extras)} MB to download."
            say(f"{machine.venv} lacks {', '.join(unmet_needs(machine))}: adding it. {most}")
            update(machine, machine.venv_python, extras)
        else:
            return "switched"
    return "installed"


def adopt(machine: Machine, extras: List[str]) -> str:
    """Use a `.venv` that someone else made; say so before anything is added to it, and add nothing through a link."""
    report = ask(machine, [machine.venv_python])
    if is_elsewhere(machine):
        lacking = report["unmet"] if report and not report["problem"] else [wanted_python()]
        if not read_state(machine).get("finished", True):
            lacking = lacking or ["a finished set-up"]
        if lacking:
            raise elsewhere(machine, ", ".join(lacking))
    if not report or report["problem"]:
        found = report["problem"] if report else "no working Python"
        raise SetupError(
            f"{machine.venv} must hold {wanted_python()}; it holds {found}, and it was not made by SfraTorch."
            " Rename or remove it and run this once more."
        )
    if not report["unmet"]:
        return "switched"
    most = f"At most {download_mb(machine, extras)} MB to download."
    say(f"{machine.venv} was not made by SfraTorch; adding what it lacks: {', '.join(report['unmet'])}. {most}")
    refuse_impossible_platform(machine)
    install(machine, machine.venv_python, extras)
    return "installed"


def elsewhere(machine: Machine, lacking: str) -> SetupError:
    return SetupError(
        f"{machine.venv} is a link to {os.path.realpath(machine.venv)}, which lacks {lacking} and was not made for this"
        " checkout: nothing there was changed. Complete it there, or remove the link and run this once more."
    )


def build(machine: Machine, extras: List[str]) -> None:
    """Make `.venv` from nothing, or anew where an earlier set-up was cut short; leave none if that fails."""
    refuse_impossible_platform(machine)
    python = usable_python(machine)
    announce(machine, python, extras)
    began = time.time()
    state = {"root": machine.root, "finished": False, "extras": extras}
    try:
        write_state(machine, state)
        with tempfile.TemporaryDirectory() as aside:
            uv = make_venv(machine, python, aside)
            install(machine, machine.venv_python, extras, uv)
        write_state(machine, dict(state, finished=True))
    except BaseException:
        with contextlib.suppress(OSError):
            empty_venv(machine)
            os.remove(os.path.join(machine.venv, STATE))
            os.rmdir(machine.venv)
        raise
    say(f"Set up in {time.time() - began:.0f} s. To use it in this shell: {activation(machine)}")


def announce(machine: Machine, python: str, extras: List[str]) -> None:
    with_extras = f", and the extra {', '.join(extras)}" if extras else ""
    with_python = python or f"a Python {MANAGED_PYTHON} that uv brings ({machine.executable} cannot be used)"
    say(f"SfraTorch sets itself up, once, in {machine.venv}, with {with_python}:")
    say(f"  {', '.join(core_needs(machine))}{with_extras}")
    download = download_mb(machine, extras)
    say(f"  about {download} MB to download, {DISK_MB / 1000:g} GB on disk. Ctrl-C stops it and leaves nothing behind.")
    backend = machine.environ.get("UV_TORCH_BACKEND", "cpu")
    if backend != "cpu":
        say(f"  and what torch brings with UV_TORCH_BACKEND={backend}: for CUDA, gigabytes more.")
    refuse_full_disk(machine, DISK_MB)


def download_mb(machine: Machine, extras: List[str]) -> int:
    """About how much the core and these extras are."""
    core = DOWNLOAD_MB.get(machine.interpreter().system, 280)
    return core + sum(EXTRA_DOWNLOAD_MB.get(extra, 0) for extra in extras)


def refuse_full_disk(machine: Machine, needed_mb: int) -> None:
    free = shutil.disk_usage(machine.root).free // 10**6
    if free < needed_mb:
        raise SetupError(f"{machine.root} must have {needed_mb} MB free; got {free} MB. Make room and run this again.")


def update(machine: Machine, python: str, extras: List[str]) -> None:
    """Install what an environment lacks; one of ours counts as unfinished as long as that takes."""
    state = read_state(machine) if is_ours(machine, python) else {}
    extras = sorted({*state.get("extras", []), *extras})
    if state:
        write_state(machine, dict(state, finished=False))
    try:
        install(machine, python, extras)
    except SetupError:  # the installer refused before it changed anything; Ctrl-C may have come in the middle
        if state:
            write_state(machine, state)
        raise
    if state:
        write_state(machine, dict(state, extras=extras))


def make_venv(machine: Machine, python: str, aside: str) -> str:
    """Make `.venv` in the first way that works; the uv that made it, if one did."""
    empty_venv(machine)
    if python and machine.quiet([python, "-m", "venv", machine.venv])[0]:
        return ""
    uv, output = working_uv(machine, machine.which("uv")) or uv_aside(machine, aside), "it could not be installed"
    if uv:
        empty_venv(machine)
        source = python or MANAGED_PYTHON
        command = [uv, "venv", "--seed", "--allow-existing", "--python", source, machine.venv]
        environ = uv_environment(machine)
        made, output = machine.quiet(command, **environ)
        if distrusts(environ, output):
            made, output = machine.quiet(command, **dict(environ, **SYSTEM_CERTIFICATES))
        if made:
            return uv
    if not python:
        raise SetupError(
            f"SfraTorch needs {wanted_python()}; this is {interpreter_problem(machine.interpreter())}"
            f" ({machine.executable}), PATH has no other, and uv brought none: {last_line(output)}.\n"
            f"Install Python {MANAGED_PYTHON} (python.org, or your system's packages), then:"
            f" {retry_command('python' + MANAGED_PYTHON)}"
        )
    for way in ([python, "-m", "virtualenv"], ["virtualenv", "-p", python], [python, "-m", "venv", "--without-pip"]):
        empty_venv(machine)
        if machine.quiet([*way, machine.venv])[0]:
            return ""
    raise no_installer(python)


def install(machine: Machine, python: str, extras: List[str], uv: str = "") -> None:
    """Install the project, editable, with its needs, in the first way that works."""
    project = f".[{','.join(extras)}]" if extras else "."
    tried = False
    for command, environ, note in ways_to_install(machine, python, uv):
        if note:
            say(note)
        tried = True
        if machine.watched([*command, "--constraint", "constraints.txt", "--editable", project], environ):
            return
    if not tried:
        raise no_installer(python)
    raise SetupError(
        "The packages could not be installed; the lines above say why. When that is mended (or the network is back):"
        f" {retry_command()}"
    )


def no_installer(python: str) -> SetupError:
    return SetupError(
        f"{python} must have venv with pip, or uv or virtualenv must be there; none of them works here."
        f" On Debian and Ubuntu: sudo apt install python3-venv. Then: {retry_command()}"
    )


def ways_to_install(machine: Machine, python: str, uv: str) -> Iterator[Tuple[List[str], Dict[str, str], str]]:
    """Command, environment and what to say first: torch's CPU build through uv or pip, then the plain one if agreed."""
    uv = uv or working_uv(machine, machine.which("uv")) or uv_inside(machine, python)
    through_uv, environ = [uv, "pip", "install", "--python", python], uv_environment(machine)
    torch = torch_need(machine)
    if uv:
        if brings_cuda(machine, through_uv, environ):
            agree_to_cuda(machine)
        yield through_uv, environ, ""
        if distrusts(environ, index_answers(machine, [*through_uv, torch], environ)[1]):
            environ.update(SYSTEM_CERTIFICATES)
            yield through_uv, environ, "uv does not know this network's certificate: taking the system's certificates."
    pip = next((way for way in pips(machine, python) if machine.quiet([*way, "--version"])[0]), [])
    through_pip = [*pip, "install", "--retries", "2"]
    plain = [(through_pip, dict(machine.environ), "Installing through pip.")] if pip else []
    if environ.get("UV_TORCH_BACKEND") == "cpu":
        lacks_torch = torch in ask(machine, [python]).get("unmet", [torch])
        if pip and lacks_torch:
            cpu_build = [*through_pip, "--extra-index-url", CPU_INDEX, torch + "+cpu"]
            yield cpu_build, dict(machine.environ), "Installing through pip, with torch's CPU build."
        del environ["UV_TORCH_BACKEND"]
        if uv:
            plain.insert(0, (through_uv, environ, "Installing through uv."))
        # Where the network is away altogether, the other ways need not be tried.
        plain = [(command, given, note) for command, given, note in plain if index_answers(machine, command, given)[0]]
        if plain and lacks_torch:
            agree_to_cuda(machine)
    yield from plain


def index_answers(machine: Machine, command: List[str], environ: Mapping[str, str]) -> Tuple[bool, str]:
    """Tell whether an installer could get a small package now, and what it printed."""
    one_try = dict(environ, UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    return machine.quiet([*command, "--dry-run", "--no-deps", "--force-reinstall", "msgspec"], **one_try)


def distrusts(environ: Mapping[str, str], output: str) -> bool:
    """Tell whether uv refused a certificate for want of the system's, and nobody has said whether to take those."""
    return "invalid peer certificate" in output and not any(name in environ for name in SYSTEM_CERTIFICATES)


def brings_cuda(machine: Machine, through_uv: List[str], environ: Mapping[str, str]) -> bool:
    """Tell whether uv would take CUDA: no build of torch was named, and no folder of PIP_FIND_LINKS has the CPU's."""
    if machine.interpreter().system != "Linux" or "UV_TORCH_BACKEND" in environ:
        return False
    return "nvidia-" in machine.quiet([*through_uv, "--dry-run", torch_need(machine)], **environ)[1]


def agree_to_cuda(machine: Machine) -> None:
    """Return if the user wants torch's plain package, which is ten times as large as what was announced."""
    say(
        "torch's CPU build cannot be had here. Its plain package brings CUDA on Linux:"
        f" 2.8 GB to download, {CUDA_DISK_MB / 1000:g} GB on disk."
    )
    if machine.environ.get("SFRATORCH_PLAIN_TORCH") != "1" and not machine.confirm("Take the plain package? [y/N]"):
        raise SetupError(
            f"Nothing of it was downloaded. To avoid it, let {CPU_INDEX} through, or name a folder that holds torch's"
            " CPU wheel in PIP_FIND_LINKS; if a proxy has a certificate of its own, name its file in SSL_CERT_FILE."
            f" Then: {retry_command()}\nTo take the plain package: SFRATORCH_PLAIN_TORCH=1 {retry_command()}"
        )
    refuse_full_disk(machine, CUDA_DISK_MB)


def pips(machine: Machine, python: str) -> List[List[str]]:
    return [[python, "-m", "pip"], [machine.executable, "-m", "pip", "--python", python]]


def uv_environment(machine: Machine) -> Dict[str, str]:
    """uv does not read pip's settings, compiles nothing, and takes CUDA's gigabytes on Linux unless told otherwise."""
    environ = dict(machine.environ)
    environ.setdefault("UV_COMPILE_BYTECODE", "1")  # where Python may not write, each run would compile torch anew
    environ.pop("UV_SYSTEM_PYTHON", None)  # it would override --python
    find_links = environ.get("PIP_FIND_LINKS", "").split()
    environ.setdefault("UV_FIND_LINKS", ",".join(find_links))
    for pip_name, uv_name in PIP_TO_UV.items():
        if environ.get(pip_name):
            environ.setdefault(uv_name, environ[pip_name])
    if machine.interpreter().system == "Linux" and not find_links:
        environ.setdefault("UV_TORCH_BACKEND", "cpu")
    return environ


def working_uv(machine: Machine, uv: Optional[str]) -> str:
    """The uv, if it runs and knows UV_TORCH_BACKEND (0.7), else ""."""
    runs, output = machine.quiet([uv, "--version"]) if uv else (False, "")
    return uv if uv and runs and numbers(output) >= [0, 7] else ""


def uv_aside(machine: Machine, folder: str) -> str:
    """A uv in a temporary folder: any pip can install one there, while there is no environment yet."""
    machine.quiet([machine.executable, "-m", "pip", "install", "--retries", "1", "--target", folder, "uv"])
    return working_uv(machine, os.path.join(folder, "bin", "uv.exe" if os.name == "nt" else "uv"))


def uv_inside(machine: Machine, python: str) -> str:
    """The uv of an environment, installed there first if the environment is ours."""
    uv = os.path.join(os.path.dirname(python), "uv.exe" if os.name == "nt" else "uv")
    if is_ours(machine, python) and not os.path.exists(uv):
        done, output = machine.quiet([python, "-m", "pip", "install", "--retries", "1", "uv"])
        if not done and "CERTIFICATE_VERIFY_FAILED" in output:
            raise SetupError(
                "pip does not know the certificate of this network. Name the file that holds it in PIP_CERT; uv takes"
                f" it from there, too. Then: {retry_command()}"
            )
        if not done and "connection broken" in output:
            raise SetupError(f"No package index can be reached from here. When the network is back: {retry_command()}")
    return working_uv(machine, uv)


# ---- the state of .venv


def read_state(machine: Machine) -> Dict[str, Any]:
    """Read what we wrote into a `.venv` of ours; empty for one that someone else made."""
    try:
        with open(os.path.join(machine.venv, STATE), encoding="utf-8") as file:
            return dict(json.load(file))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        return {"finished": False}


def write_state(machine: Machine, state: Dict[str, Any]) -> None:
    os.makedirs(machine.venv, exist_ok=True)
    path = os.path.join(machine.venv, STATE)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(path + ".new", path)


def is_finished(machine: Machine) -> bool:
    """Tell whether `.venv` is ours, whole, and has not been moved (scripts inside hold absolute paths)."""
    state = read_state(machine)
    whole = state.get("finished") and os.path.exists(machine.venv_python)
    return bool(whole) and made_here(machine)


def made_here(machine: Machine) -> bool:
    """Tell whether `.venv` was made for this checkout, by whatever path this is reached."""
    root = str(read_state(machine).get("root", ""))
    return bool(root) and os.path.realpath(root) == os.path.realpath(machine.root)


def is_elsewhere(machine: Machine) -> bool:
    """Tell whether `.venv` leads out of this checkout, to what was not made for it: that is used, but never changed."""
    leads_out = os.path.realpath(machine.venv) != os.path.join(os.path.realpath(machine.root), ".venv")
    return leads_out and not made_here(machine)


def is_ours(machine: Machine, python: str) -> bool:
    same_folder = os.path.realpath(os.path.dirname(python)) == os.path.realpath(os.path.dirname(machine.venv_python))
    return same_folder and bool(read_state(machine)) and not is_elsewhere(machine)


def empty_venv(machine: Machine) -> None:
    for name in os.listdir(machine.venv):
        path = os.path.join(machine.venv, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        elif name != STATE:
            os.remove(path)


@contextlib.contextmanager
def only_one_set_up(machine: Machine) -> Iterator[None]:
    """Hold a lock that the system releases when this process ends, however it ends."""
    folder = os.path.join(machine.root, ".sfratorch")
    try:
        os.makedirs(folder, exist_ok=True)
        file = open(os.path.join(folder, "setup.lock"), "a")  # noqa: SIM115
    except OSError as problem:
        raise SetupError(
            f"{machine.root} must be writable for set-up; got {problem.strerror}. Copy it to a folder of your own, or"
            f" run it with a Python that already has {', '.join(core_needs(machine))}."
        ) from None
    with file:
        wait_for_lock(file)
        yield


def wait_for_lock(file: IO[str]) -> None:
    waiting = False
    while not lock(file):
        if not waiting:
            say("Another set-up of this folder is under way: waiting for it.")
        waiting = True
        time.sleep(0.2)


def lock(file: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        pass  # a file system without locks: two set-ups at once stay the user's business
    return True


# ---- words, and starting again


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what went wrong into one clear line and an exit code."""
    try:
        yield
    except SetupError as problem:
        say(str(problem))
        raise SystemExit(2) from None
    except OSError as problem:
        say(f"Set-up failed: {problem}. Then: {retry_command()}")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        say(f"\nSet-up was stopped. To start it again: {retry_command()}")
        raise SystemExit(130) from None


def confirm(question: str) -> bool:
    """Ask whether the user says yes; no where there is no terminal to ask on."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    say(question)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def same_command() -> List[str]:
    """The arguments after the interpreter, with which this process was started."""
    return list(getattr(sys, "orig_argv", [sys.executable, *sys.argv])[1:])


def retry_command(python: str = "") -> str:
    typed = getattr(sys, "orig_argv", [sys.executable])[0]
    return " ".join(map(shlex.quote, [python or typed, *same_command()]))


def last_line(output: str) -> str:
    return re.sub(r"^\s*(cause|error): ", "", (output.strip().splitlines() or ["no reason given"])[-1])


def activation(machine: Machine) -> str:
    if os.name == "nt":
        return f"{machine.venv}\\Scripts\\Activate.ps1 (PowerShell) or {machine.venv}\\Scripts\\activate.bat (cmd)"
    shell = os.path.basename(machine.environ.get("SHELL", ""))
    suffix = {"fish": ".fish", "csh": ".csh", "tcsh": ".csh"}.get(shell, "")
    return f"source {shlex.quote(machine.venv + '/bin/activate' + suffix)}"


def cuda_advice(machine: Machine) -> str:
    beside = os.path.join(os.path.dirname(machine.executable), "uv")
    uv = beside if os.path.exists(beside) else "uv"
    command = [uv, "pip", "install", "--python", machine.executable, "--torch-backend", "auto"]
    line = " ".join(map(shlex.quote, [*command, "--reinstall-package", "torch", torch_need(machine)]))
    return f"For torch with CUDA (Linux, Windows), whose version uv picks for this machine's driver, run:\n  {line}"


def replace_process(command: List[str], environ: Dict[str, str]) -> None:
    sys.stdout.flush()
    if os.name != "nt":
        os.execve(command[0], command, environ)
    # On Windows execve would hand the prompt back while the new process runs. Ctrl-C is the new process's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(subprocess.call(command, env=environ))


def main(arguments: List[str]) -> None:
    machine = Machine()
    if arguments == ["--report"]:
        problem = interpreter_problem(machine.interpreter()) or platform_problem(machine.interpreter())
        print(json.dumps({"executable": sys.executable, "problem": problem, "unmet": unmet_needs(machine)}))
    else:
        ensure_environment()
        print(sys.executable)


if __name__ == "__main__":
    main(sys.argv[1:])
