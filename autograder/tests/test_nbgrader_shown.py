"""What nbgrader's pages and log show of a submission."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="the extra notebooks is not installed")

from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.server_extensions.formgrader import handlers
from traitlets.config import Config

from autograder.classroom import nbgrader_shown
from autograder.judge.exercises import ROOT
from autograder.scripts.practice import practise

CONFIG = ROOT / "notebooks" / "nbgrader_config.py"


def configured(text: str) -> Config:
    """Read what the text of a configuration sets."""
    config = Config()
    exec(compile(text, CONFIG, "exec"), {"get_config": lambda: config, "__file__": str(CONFIG)})
    return config


def feedback(answer: str) -> str:
    """The page that shows an answer, and what a cell of the same text printed."""
    about = {"grade": True, "solution": True, "grade_id": "answer-1", "points": 5, "score": 0}
    printed = {"text/html": answer, "application/javascript": "alert(2)"}
    outputs = [new_output("display_data", data={kind: text}) for kind, text in printed.items()]
    config = configured(CONFIG.read_text(encoding="utf-8"))
    config.HTMLExporter.template_name = "feedback"
    config.HTMLExporter.extra_template_basedirs = [handlers.template_path]
    config.HTMLExporter.extra_template_paths = [f"{handlers.static_path}/node_modules/bootstrap/dist/css"]
    cells = [new_markdown_cell(answer, metadata={"nbgrader": about}), new_code_cell("", outputs=outputs)]
    grades = {"score": 0, "max_score": 5, "late_penalty": 0}
    return str(HTMLExporter(config=config).from_notebook_node(new_notebook(cells=cells), {"nbgrader": grades})[0])


@pytest.mark.parametrize(
    "answer", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>"]
)
def test_no_script_of_an_answer_is_in_the_feedback(answer: str) -> None:
    shown = feedback(answer)
    assert answer not in shown
    assert "&lt;" + answer[1:-1].split(">")[0] in shown
    assert "alert(2)" not in shown


def test_markdown_keeps_its_looks() -> None:
    text = "# Softmax\n\n**σ(x)**, `x < 1`\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n"
    shown = nbgrader_shown.harmless(markdown2html(text))
    for part in ("<h1 id=", "<p><strong>σ(x)</strong>, <code>x &lt; 1</code></p>", "<td>1</td>"):
        assert part in shown


def test_a_link_that_runs_is_none() -> None:
    shown = nbgrader_shown.harmless(markdown2html("[a](javascript:alert(1)) [b](https://example.org)"))
    assert "javascript" not in shown
    assert 'href="https://example.org"' in shown


@pytest.mark.parametrize(
    ("logger", "level", "message", "kept"),
    [
        ("AutogradeApp", logging.INFO, "Copying a/b -> c/b", False),
        ("AutogradeApp", logging.ERROR, "Copying failed", True),
        ("AutogradeApp", logging.WARNING, "part4 of ada: the cell answer-1 is missing; it is put at the end", True),
        ("ZipCollectApp", logging.INFO, "  Copying to: submitted/ada/part4/toy.py", False),
        ("ZipCollectApp", logging.WARNING, "Directory not found. Creating: submitted/ada/part4", False),
        ("AutogradeApp", logging.WARNING, "Directory not found. Creating: submitted/ada/part4", True),
        ("ZipCollectApp", logging.INFO, "Parsing file: ada/README.md", False),
        ("ZipCollectApp", logging.WARNING, f"{nbgrader_shown.NOT_COLLECTED}ada/README.md", False),
        ("ZipCollectApp", logging.WARNING, f"{nbgrader_shown.NOT_COLLECTED}ada/again.zip", True),
        ("ServerApp", logging.CRITICAL, nbgrader_shown.NO_EXCHANGE, False),
        ("ServerApp", logging.CRITICAL, nbgrader_shown.NO_EXCHANGE + "/mine", True),
        ("ReleaseAssignmentApp", logging.CRITICAL, nbgrader_shown.NO_EXCHANGE, True),
    ],
)
def test_only_lines_that_say_nothing_are_left_out(logger: str, level: int, message: str, kept: bool) -> None:
    record = logging.LogRecord(logger, level, "", 0, "%s", (message,), None)
    assert nbgrader_shown.says_something(record) is kept


def test_a_configuration_that_does_not_load_stops_nbgrader(tmp_path: Path) -> None:
    """It would go on without the judge."""
    text = CONFIG.read_text(encoding="utf-8")
    broken = text.replace("import JudgedPoints, RestoredCells", "import Judge")
    assert broken != text
    (tmp_path / "nbgrader_config.py").write_text(broken, encoding="utf-8")
    command = [sys.executable, "-m", "nbgrader", "autograde", "part4"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 1
    assert "must load, for it puts the judge in; got " in done.stderr.splitlines()[-1]


def test_a_graded_cell_earns_nothing_where_the_judge_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """nbgrader gives full points to a cell that raises nothing."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="the judge's points stand here"):
        practise("part4", "attention.softmax")
