"""nbgrader's pages and log of submissions in this course: no scripts of theirs, and a log that shows their lines."""

from __future__ import annotations

import logging

import bleach
from nbconvert.filters import strip_files_prefix
from nbgrader.exchange.default import Exchange

_TEXT = frozenset(("br", "del", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre", "span", "sub", "sup"))
_TABLE = frozenset(("table", "tbody", "td", "th", "thead", "tr"))
TAGS = bleach.ALLOWED_TAGS | _TEXT | _TABLE
ATTRIBUTES = {"*": ["class", "id"], "a": ["href", "title"], "td": ["align"], "th": ["align"]}
APPS = ("GenerateAssignmentApp", "ZipCollectApp", "AutogradeApp", "GenerateFeedbackApp", "ServerApp")
NO_EXCHANGE = f"Unwritable directory, please contact your instructor: {Exchange.class_traits()['root'].default_value}"
NOT_COLLECTED = "Skipped submission with no match information provided: "
_GIVEN = (".md", ".toml", ".png", ".mplstyle", ".gitattributes", ".gitignore", "LICENSE", "constraints.txt",
          "handed_out.zip")  # fmt: skip


def harmless(html: str) -> str:
    """HTML of a Markdown cell in which nothing runs or loads: other tags than these are shown as text.

    It stands for nbconvert's filter `strip_files_prefix`, which nbgrader's pages end with.
    """
    text = strip_files_prefix(html)  # type: ignore[no-untyped-call]
    return str(bleach.clean(text, tags=TAGS, attributes=ATTRIBUTES))


def quiet() -> None:
    """Leave out what `says_something` does not keep, in JupyterLab too (ServerApp).  A second call changes nothing."""
    for app in APPS:
        logging.getLogger(app).addFilter(says_something)


def says_something(record: logging.LogRecord) -> bool:
    """Tell whether a line is worth its place.

    Not worth it are those for each file that is copied or looked at (150 a submission), for each folder that is made to
    collect them, for given files that are not collected and, in JupyterLab, whose page says it, for no exchange.
    """
    message = record.getMessage()
    if record.levelno == logging.INFO:
        return not message.lstrip().startswith(("Copying ", "Parsing file: "))
    if record.name == "ZipCollectApp" and message.startswith("Directory not found. Creating: "):
        return False
    if message.startswith(NOT_COLLECTED):
        return not message.endswith(_GIVEN)
    return (record.name, message) != ("ServerApp", NO_EXCHANGE)
