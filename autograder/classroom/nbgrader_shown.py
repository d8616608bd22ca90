"""What nbgrader shows of submissions in this course: no scripts of theirs, and a log in which their lines are seen."""

from __future__ import annotations

import logging

import bleach
from nbconvert.filters import strip_files_prefix
from nbgrader.exchange.default import Exchange

_TEXT = frozenset(("br", "del", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "p", "pre", "span", "sub", "sup"))
_TABLE = frozenset(("table", "tbody", "td", "th", "thead", "tr"))
TAGS = bleach.ALLOWED_TAGS | _TEXT | _TABLE
ATTRIBUTES = {"*": ["class", "id"], "a": ["href", "title"], "td": ["align"], "th": ["align"]}
APPS = ("GenerateAssignmentApp", "AutogradeApp", "GenerateFeedbackApp", "ServerApp")  # the last one is JupyterLab
NO_EXCHANGE = f"Unwritable directory, please contact your instructor: {Exchange.class_traits()['root'].default_value}"


def harmless(html: str) -> str:
    """HTML of a Markdown cell in which nothing runs or loads: other tags than these are shown as text.

    It stands for nbconvert's filter `strip_files_prefix`, which nbgrader's pages end with.
    """
    return str(bleach.clean(strip_files_prefix(html), tags=TAGS, attributes=ATTRIBUTES))


def quiet() -> None:
    """Leave out what `says_something` does not keep.  A second call changes nothing."""
    for app in APPS:
        logging.getLogger(app).addFilter(says_something)


def says_something(record: logging.LogRecord) -> bool:
    """False for each file that is copied (150 a submission) and, in JupyterLab, whose page says it, for no exchange."""
    message = record.getMessage()
    is_a_copy = record.levelno == logging.INFO and message.startswith("Copying ")
    return not is_a_copy and (record.name, message) != ("ServerApp", NO_EXCHANGE)
