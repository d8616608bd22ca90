"""The proof over many seeds goes on where it ended, begins anew where a part has changed, and names every alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest

from autograder.authoring.false_alarms import Proof, alarms, digest_of, left, load, prove, table
from autograder.judge.exercises import Part
from autograder.tests.toy import make_toy_part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return make_toy_part(tmp_path, "part1_toyalarms")


def test_the_reference_raises_no_alarm_and_a_wrong_one_does(part: Part) -> None:
    assert alarms(part, 3) == []
    path = part.folder / "solution" / "toy.py"
    path.write_text(path.read_text(encoding="utf-8").replace("2.0 * x", "3.0 * x"), encoding="utf-8")
    (found,) = alarms(part, 3)
    assert found.startswith("part1_toyalarms, seed 3: test_toy.py::test_double: got y[")


def test_what_is_finished_is_not_shown_again(part: Part) -> None:
    proofs = {part.name: Proof(digest_of(part), seeds=[0, 2])}
    assert left(part, 4, proofs) == [1, 3]
    assert left(part, 2, {}) == [0, 1]


@pytest.mark.parametrize("file", ["solution/toy.py", "tests/test_toy.py", "tests/probe_toy.py", "part.toml"])
def test_a_changed_part_begins_anew(part: Part, file: str) -> None:
    proofs = {part.name: Proof(digest_of(part), "2026-01-01", [0, 1])}
    path = part.folder / file
    path.write_text(path.read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8")
    assert left(part, 2, proofs) == [0, 1]
    assert proofs == {part.name: Proof(digest_of(part))}


def test_finished_seeds_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Part) -> None:
    from autograder.authoring import false_alarms

    class Future:
        def __init__(self, seed: int) -> None:
            self._seed = seed

        def result(self) -> list[str]:
            return ["an alarm"] if self._seed == 1 else []

    class Pool:
        def __init__(self, **_: object) -> None: ...

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, _: object, part: Part, seed: int) -> Future:
            return Future(seed)

    monkeypatch.setattr(false_alarms, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(false_alarms, "as_completed", list)
    proofs, path = {part.name: Proof(digest_of(part))}, tmp_path / "finished.json"
    assert list(prove([(part, 0), (part, 1), (part, 2)], proofs, path)) == ["an alarm"]
    assert load(path)[part.name].seeds == [0, 2]
    assert [list(column.cells) for column in table(load(path)).columns][:2] == [[part.name], ["2"]]
    assert load(tmp_path / "none.json") == {}
