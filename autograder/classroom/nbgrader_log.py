"""What nbgrader's log leaves out in this course, so that a line about a submission is seen."""

from __future__ import annotations

import logging

from nbgrader.exchange.default import Exchange

APPS = ("GenerateAssignmentApp", "AutogradeApp", "GenerateFeedbackApp", "ServerApp")  # the last one is JupyterLab
NO_EXCHANGE = f"Unwritable directory, please contact your instructor: {Exchange.class_traits()['root'].default_value}"


def quiet() -> None:
    """Leave out what `says_something` does not keep.  A second call changes nothing."""
    for app in APPS:
        logging.getLogger(app).addFilter(says_something)


def says_something(record: logging.LogRecord) -> bool:
    """False for each file that is copied (150 a submission) and, in JupyterLab, whose page says it, for no exchange."""
    message = record.getMessage()
    is_a_copy = record.levelno == logging.INFO and message.startswith("Copying ")
    return not is_a_copy and (record.name, message) != ("ServerApp", NO_EXCHANGE)
