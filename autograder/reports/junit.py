"""A result in JUnit's XML, as Jenkins (junit-10.xsd), GitLab and GitHub's actions read it: an exercise is a suite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from autograder.atomic_files import write_whole
from autograder.judge.outcomes import GRADER_FAULT, OUTCOMES, PASSED
from autograder.judge.record import ExerciseRecord, PartRecord
from autograder.reports.explanation import as_text, explanation

# What XML 1.0 cannot hold, not even as a reference.
_NO_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(path: Path, results: Sequence[PartRecord]) -> None:
    """Write all parts into one file."""
    root = Element("testsuites", name="SfraTorch")
    for result in results:
        for exercise in result.exercises:
            _add_suite(root, result.part, exercise)
    ElementTree.indent(root)
    write_whole(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _add_suite(root: Element, part: str, exercise: ExerciseRecord) -> None:
    kinds = [_kind(test.outcome) for test in exercise.tests]
    suite = SubElement(
        root,
        "testsuite",
        name=f"{part}.{exercise.id}",
        tests=str(len(kinds)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time=_seconds(sum(test.seconds for test in exercise.tests)),
    )
    for test, kind in zip(exercise.tests, kinds, strict=True):
        file, _, name = test.id.partition("::")
        classname = f"{part}.tests.{file.removesuffix('.py')}"
        case = SubElement(suite, "testcase", name=name, classname=classname, time=_seconds(test.seconds))
        if kind:
            message = _xml(test.message or test.outcome)
            SubElement(case, kind, type=test.outcome, message=message).text = _xml(as_text(explanation(test)))


def _kind(outcome: str) -> str:
    """Choose the element of an outcome: nothing for a pass; ours is an error, theirs a failure."""
    if outcome == PASSED:
        return ""
    if outcome == GRADER_FAULT:
        return "error"
    return "failure" if OUTCOMES[outcome].is_begun else "skipped"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
