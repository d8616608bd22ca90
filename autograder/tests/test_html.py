"""The page of a result: whole in itself, readable without script, and safe whatever the submission says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from autograder.judge.grading import _values
from autograder.judge.record import PartRecord
from autograder.reports import html
from autograder.reports.heat_maps import heat_map, magnitude, number
from autograder.tests.toy import SOLUTION, collect_toy, grade_toy, make_toy_part

HOSTILE = '</dd></dl><script>alert("x")</script><img src=x onerror=alert(1)>'
FAILING = {
    "toy.py": SOLUTION["toy.py"].replace("return 2.0 * x", f"print({HOSTILE!r}); return -2.0 * x"),
    "other.py": f"def shift(x):\n    raise KeyError({HOSTILE!r})\n",
}


class Tags(HTMLParser):
    """Every tag that is opened, and those that are not closed in order."""

    EMPTY = ("meta", "rect")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    collection = collect_toy(make_toy_part(tmp_path_factory.mktemp("html")))
    return html.page([collection.part], [grade_toy(collection, FAILING, shrinks=True)])


def test_the_page_is_well_formed_and_needs_nothing_else(page: str) -> None:
    tags = Tags(page)
    assert tags.open == []
    names = {name for name, _ in tags.opened}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "a"})
    attributes = {attribute for _, given in tags.opened for attribute in given}
    assert attributes.isdisjoint({"src", "href", "style"})
    assert not [attribute for attribute in attributes if attribute.startswith("on")]
    assert "url(" not in page


def test_the_first_failing_exercise_is_unfolded_with_pictures_and_hints(page: str) -> None:
    first, second = page.index("toy.double</h3>"), page.index("other.shift</h3>")
    unfolded = page[first:second]
    assert "y has the wrong sign" in unfolded
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", unfolded)
    assert captions[:3] == ["got", "expected", "got - expected"]
    assert "hint 2 of 2" in unfolded
    assert "Multiply by two." in unfolded
    assert page.count("<details open>") == 1


def test_what_the_submission_says_is_text(page: str) -> None:
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") >= 2, "what it printed, and what it raised"


def test_both_schemes_and_narrow_windows_are_minded(page: str) -> None:
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert "@media (max-width: 36rem)" in page


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    collection = collect_toy(make_toy_part(tmp_path))
    path = tmp_path / "page.html"
    html.write(path, [collection.part], [grade_toy(collection)])
    assert "100 / 100 points" in path.read_text(encoding="utf-8")


# Arrays


@pytest.mark.parametrize(
    "array",
    [
        np.array([[0.5, -1e300], [np.nan, -np.inf]]),
        np.array(7),
        np.arange(12, dtype=np.int64).reshape(2, 3, 2),
        np.array([True, False]),
        np.array([1 / 3], dtype=np.float32),
    ],
    ids=str,
)
def test_an_array_is_read_as_it_was_written_and_drawn(array: np.ndarray) -> None:
    read = html.array_of(_values(array))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    picture = ElementTree.fromstring(heat_map(array, "x <y>"))
    assert len(picture.findall("rect")) == array.size
    title = picture.find("title")
    assert title is not None
    assert str(title.text).startswith(f"x <y>: shape {array.shape}, ")


def test_the_strength_of_a_colour_is_that_of_the_magnitude() -> None:
    def fills(array: np.ndarray, largest: float | None = None) -> list[str]:
        picture = ElementTree.fromstring(heat_map(array, "", largest=largest))
        return [rect.attrib["fill"] for rect in picture.findall("rect")]

    array = np.array([0.0, 2.0, -2.0, np.nan])
    white, orange, blue, grey = fills(array)
    assert white == "rgb(255 255 255)"
    assert len({white, orange, blue, grey}) == 4
    assert fills(array, largest=8.0)[1] != orange
    assert fills(np.zeros(1)) == [white]
    assert magnitude(array, np.array([-3])) == 3


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (-1 / 3, "-0.3333"), (-1.23e300, "-1.2e+300"), (np.nan, "nan"), (np.True_, "T")]
)
def test_a_number_fits_into_its_cell(value: float, text: str) -> None:
    assert number(np.asarray(value)[()]) == text


def test_values_that_are_marked_are_framed() -> None:
    picture = ElementTree.fromstring(heat_map(np.ones((1, 2)), "", np.array([[False, True]])))
    assert [rect.attrib["class"] for rect in picture.findall("rect")] == ["cell", "marked"]


def test_what_is_large_is_not_kept(tmp_path: Path) -> None:
    part = make_toy_part(tmp_path)
    test = part.folder / "tests" / "test_toy.py"
    assert "toy.run_double" in test.read_text(encoding="utf-8")
    record: PartRecord = grade_toy(collect_toy(part), {"toy.py": "def double(x):\n    return x.repeat(1000)\n"})
    arrays = record.exercises[0].tests[0].arrays
    assert "got" not in arrays
    assert all(len(values.numbers) <= 24 * 16 for values in arrays.values())
