"""Walk-throughs: percent scripts, executed by this very Python, as notebooks and web pages.

The same script on the same machine and versions gives the same bytes: cells are numbered, no times are kept, hashes are
not random, and neither Jupyter's nor matplotlib's settings of the person who builds are read.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jinja2
import jupytext
import matplotlib.font_manager  # noqa: F401  # it makes its cache now; later, a cell would speak of it
import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from autograder.atomic_files import write_whole
from autograder.authoring.stub_files import HandoutError
from autograder.scripts.launch import THREAD_VARIABLES

SECONDS_PER_CELL = 600
INDEX = "index.html"
# IPython's settings: pictures that do not name the version of matplotlib
_SETTINGS = 'c.InlineBackend.print_figure_kwargs = {"metadata": {"Software": None}, "bbox_inches": "tight"}\n'
_TEMPLATES = Path(__file__).parent / "templates"

Notebook = Any  # nbformat.NotebookNode, which has no types


class ThisPython(AsyncKernelManager):
    """Starts the running interpreter, whatever is registered on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class Client(NotebookClient):
    """Ends the kernel at Ctrl-C and termination, and keeps that this is why it died."""

    is_stopped = False

    async def async_start_new_kernel(self, **options: Any) -> None:
        with suppress(RuntimeError):  # not in the main thread, or Windows, where KeyboardInterrupt comes by itself
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self.stop)
        await super().async_start_new_kernel(**options)

    def stop(self) -> None:
        self.is_stopped = True
        kernel: Any = self.km  # of ThisPython, whose methods are coroutines
        self.stopping = asyncio.ensure_future(kernel.shutdown_kernel(now=True))


# Finding


def find_scripts(folder: Path, names: list[str]) -> list[Path]:
    """The walk-throughs of the named parts, `part4` or `part4_attention`; all where none is named.

    Raises HandoutError for a part that has none.
    """
    scripts = {path.stem: path for path in sorted(folder.glob("part*.py"), key=lambda path: (len(path.stem), path))}
    if not scripts:
        raise HandoutError(f"{folder} must hold walk-throughs partN.py; got none. Restore them from the repository.")
    for name in names:
        if name.partition("_")[0] not in scripts:
            raise HandoutError(f"PART must be one of {', '.join(scripts)}; got {name}. Without PART, all are built.")
    wanted = {name.partition("_")[0] for name in names} or set(scripts)
    return [path for stem, path in scripts.items() if stem in wanted]


# Executing


def execute(script: Path, own: bool = False) -> Notebook:
    """The notebook that a percent script gives, with what its cells print and draw.

    The reference's code runs; with `own` it is the files in place, or what SFRATORCH_CODE names, and a cell may fail.
    Raises HandoutError if the script cannot be read or the notebook does not run to its end.
    """
    notebook = read(script)
    with tempfile.TemporaryDirectory() as settings:
        client = Client(
            notebook,
            kernel_manager_class=ThisPython,
            config=sockets(Path(settings)),
            resources={"metadata": {"path": str(script.parent)}},
            timeout=SECONDS_PER_CELL,
            allow_errors=own,
            record_timing=False,
            coalesce_streams=True,
        )
        try:
            client.execute(env=environment(Path(settings), own))
        except CellExecutionError as error:
            problem = f"{error.ename}: {error.evalue}"
        except CellTimeoutError:
            problem = f"a cell that ran for more than {SECONDS_PER_CELL} s"
        except DeadKernelError:
            if client.is_stopped:
                raise KeyboardInterrupt from None
            problem = "a kernel that died"
        else:
            return notebook
    raise HandoutError(f"{script.name} must run to its end; got {problem}, {place(notebook)}.")


def sockets(settings: Path) -> Config:
    """Files that nobody else can open, where the platform has such; else the kernel listens on ports."""
    return Config() if os.name == "nt" else Config(ThisPython={"transport": "ipc", "ip": str(settings / "kernel")})


def read(script: Path) -> Notebook:
    """The notebook of a percent script, with its cells numbered, and of its metadata the kernel's only.

    Raises HandoutError if it is not one.
    """
    try:
        notebook = jupytext.reads(script.read_text(encoding="utf-8"), fmt="py:percent")
    except (ValueError, SyntaxError) as error:
        raise HandoutError(f"{script.name} must be a percent script in UTF-8; got {error}.") from None
    notebook.metadata = {key: value for key, value in notebook.metadata.items() if key == "kernelspec"}
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"
    return notebook


def environment(settings: Path, own: bool) -> dict[str, str]:
    """The kernel's environment: whose code runs, one thread, and settings from this folder alone."""
    profile = settings / "profile_default"
    profile.mkdir()
    (profile / "ipython_config.py").write_text(_SETTINGS, encoding="utf-8")
    chosen = os.environ.get("SFRATORCH_CODE", "own") if own else "solution"
    kept = {name: value for name, value in os.environ.items() if name not in ("MPLBACKEND", "MATPLOTLIBRC")}
    fixed = {"SFRATORCH_CODE": chosen, "PYTHONHASHSEED": "0", "IPYTHONDIR": str(settings)}
    return {**kept, **dict.fromkeys(THREAD_VARIABLES, "1"), **fixed}


def place(notebook: Notebook) -> str:
    """The place where execution ended: the last cell that was begun."""
    begun = [cell for cell in code_cells(notebook) if cell.execution_count]
    return f"in the cell that begins with {begun[-1].source.splitlines()[0]!r}" if begun else "before the first cell"


def summary(notebook: Notebook) -> str:
    """Count its cells, pictures and failed cells."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    failed = sum(output.output_type == "error" for output in outputs)
    said = f"{len(code_cells(notebook))} code cells, {pictures} pictures"
    return f"{said}, {failed} failed" if failed else said


def code_cells(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Writing


def write(notebooks: Mapping[str, Notebook], folder: Path, html: Path | None) -> Iterator[Path]:
    """Write each as NAME.ipynb into the folder, and as NAME.html with an index into `html`; what has been written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks.items():
        yield written(folder / f"{name}.ipynb", text(notebook))
    if html is None:
        return
    html.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks.items():
        yield written(html / f"{name}.html", page(notebook))
    yield written(html / INDEX, index(notebooks))


def text(notebook: Notebook) -> str:
    """Write a notebook as its file holds it."""
    return str(nbformat.writes(notebook, version=4)) + "\n"  # type: ignore[no-untyped-call]


def written(path: Path, text: str) -> Path:
    write_whole(path, text.encode())
    return path


def page(notebook: Notebook) -> str:
    """A web page that loads nothing from anywhere."""
    exporter: Any = HTMLExporter  # it has types for a part of its functions only
    shown = exporter(extra_template_paths=[str(_TEMPLATES)], template_file="walk_through.html.jinja")
    body, _ = shown.from_notebook_node(notebook, resources={"metadata": {"name": title_and_lead(notebook)[0]}})
    return body


def index(notebooks: Mapping[str, Notebook]) -> str:
    """The page that lists the others."""
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    return templates.get_template("walk_throughs.html.jinja").render(
        pages=[(f"{name}.html", *title_and_lead(each)) for name, each in notebooks.items()]
    )


def title_and_lead(notebook: Notebook) -> tuple[str, str]:
    """The heading of the first cell, and what stands below it."""
    title, _, lead = notebook.cells[0].source.partition("\n")
    return title.lstrip("# "), " ".join(lead.split())
