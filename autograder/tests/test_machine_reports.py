"""Gradescope's JSON and JUnit's XML hold what these tools read, whatever a submission says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from autograder.judge.exercises import Part
from autograder.judge.record import PartRecord
from autograder.reports import gradescope, junit
from autograder.tests.toy import SOLUTION, collect_toy, grade_toy, make_toy_part

SAID = "\x00\x1b[31m<tag> & \ud800 ]]>"
FILES = {
    "toy.py": SOLUTION["toy.py"].replace("return 2.0 * x", f"raise KeyError({SAID!r})"),
    "other.py": "def shift(x):\n    raise NotImplementedError('other.shift: x + 1')\n",
}
# What junit-10.xsd lets these elements have; name is required of suites and cases.
ATTRIBUTES = {
    "testsuites": {"name", "time", "tests", "failures", "disabled", "errors"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"),
        *("file", "log", "url", "version"),
    },
    "testcase": {"name", "assertions", "time", "classname", "status", "class", "file", "line", "log", "group", "url"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
}
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "error", "skipped"}}


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Part:
    return make_toy_part(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def result(part: Part) -> PartRecord:
    return grade_toy(collect_toy(part), FILES)


@pytest.fixture
def suites(result: PartRecord, tmp_path: Path) -> ElementTree.Element:
    junit.write(tmp_path / "junit.xml", [result])
    return ElementTree.parse(tmp_path / "junit.xml").getroot()


def test_junit_has_the_elements_and_attributes_of_its_schema(suites: ElementTree.Element) -> None:
    for element in suites.iter():
        assert set(element.attrib) <= ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        if element.tag in ("testsuite", "testcase"):
            assert element.attrib["name"]
            assert float(element.attrib["time"]) >= 0


def test_junit_counts_what_failed_and_what_was_skipped(suites: ElementTree.Element, part: Part) -> None:
    counts = {
        suite.attrib["name"]: tuple(int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped"))
        for suite in suites
    }
    assert counts == {
        f"{part.name}.toy.double": (2, 2, 0, 0),
        f"{part.name}.toy.scale": (2, 0, 0, 0),
        f"{part.name}.other.shift": (1, 0, 0, 1),
    }
    for suite in suites:
        assert len(suite) == int(suite.attrib["tests"])
        for kind in ("failure", "error", "skipped"):
            plural = {"failure": "failures", "error": "errors"}.get(kind, kind)
            assert len(suite.findall(f"testcase/{kind}")) == int(suite.attrib[plural])


def test_junit_tells_what_the_terminal_tells(suites: ElementTree.Element) -> None:
    failure = suites.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib["type"] == "error"
    assert "KeyError" in failure.attrib["message"]
    assert "<tag> &" in str(failure.text)


def test_a_fault_of_the_grader_is_an_error_in_junit(result: PartRecord, tmp_path: Path) -> None:
    result = grade_toy(collect_toy(make_toy_part(tmp_path)), {})
    result.exercises[0].tests[0].outcome = "grader fault"
    junit.write(tmp_path / "junit.xml", [result])
    suites = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.attrib["errors"] for suite in suites] == ["1", "0", "0"]


def test_gradescope_reads_every_exercise(part: Part, result: PartRecord, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    gradescope.write(path, [part], [result])
    written: dict[str, Any] = json.loads(path.read_bytes())
    assert set(written) == {
        *("score", "output", "output_format", "execution_time", "visibility", "stdout_visibility", "tests"),
    }
    assert [(test["score"], test["max_score"], test["status"]) for test in written["tests"]] == [
        (0, 40, "failed"), (20, 20, "passed"), (0, 40, "failed"),
    ]  # fmt: skip
    assert written["score"] == sum(test["score"] for test in written["tests"]) == 20
    assert "KeyError" in written["tests"][0]["output"]
    assert written["tests"][2]["tags"] == [part.name, "not attempted"]
    assert {test["visibility"] for test in written["tests"]} == {"visible"}


def test_an_extra_exercise_adds_to_gradescopes_score_alone(part: Part, result: PartRecord, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    result.exercises[1].extra = True
    gradescope.write(path, [part], [result])
    result.exercises[1].extra = False
    written = json.loads(path.read_bytes())
    assert (written["tests"][1]["score"], written["tests"][1]["max_score"]) == (20, 0)
    assert written["score"] == 20
