"""The JSON record has the documented fields, and nothing half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from autograder.judge.record import AllRecord, PartRecord
from autograder.reports import json_record
from autograder.tests.toy import SOLUTION, collect_toy, grade_toy, make_toy_part

# contracts.md, "The result record": additions are welcome, renamings are not.
PART = {"schema", "part", "code", "points", "max_points", "seed", "versions", "isolation", "exercises"}
ISOLATION = {"level", "layers", "missing"}
EXERCISE = {"id", "title", "points", "max_points", "extra", "outcome", "hints_used", "tests"}
TEST = {
    "id", "claim", "kind", "outcome", "points", "message", "diagnosis", "counterexample", "replay", "seconds",
}  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> PartRecord:
    collection = collect_toy(make_toy_part(tmp_path_factory.mktemp("json")))
    files = {"toy.py": SOLUTION["toy.py"].replace("2.0 * x", "x * float('inf')"), "other.py": "print('\x1b[31m\ud7ff')"}
    return grade_toy(collection, files)


@pytest.fixture(scope="module")
def written(result: PartRecord) -> Any:
    return json.loads(json_record.to_json([result], all_parts=False))


def test_the_fields_of_the_contract_are_there(written: Any) -> None:
    assert set(written) >= PART
    assert set(written["isolation"]) == ISOLATION
    for exercise in written["exercises"]:
        assert set(exercise) >= EXERCISE
        for test in exercise["tests"]:
            assert set(test) >= TEST


def test_the_values_are_those_of_the_record(written: Any, result: PartRecord) -> None:
    assert (written["schema"], written["points"], written["max_points"]) == (1, 20, 100)
    assert written["exercises"][0]["tests"][0]["replay"]["command"] == "python autograder/run.py part1 -e toy.double"
    assert msgspec.json.decode(json_record.to_json([result], all_parts=False), type=PartRecord) == result


def test_points_add_up(written: Any) -> None:
    for exercise in written["exercises"]:
        assert exercise["points"] == pytest.approx(sum(test["points"] for test in exercise["tests"]))
    assert written["points"] == pytest.approx(sum(exercise["points"] for exercise in written["exercises"]))


def test_all_parts_are_one_record(result: PartRecord) -> None:
    content = json_record.to_json([result, result], all_parts=True)
    assert msgspec.json.decode(content, type=AllRecord).parts == [result, result]
    assert json.loads(content)["schema"] == 1
    assert len(json.loads(json_record.to_json([result], all_parts=True))["parts"]) == 1


def test_the_file_is_written_whole(result: PartRecord, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old", encoding="utf-8")
    json_record.write(path, [result], all_parts=False)
    assert path.read_bytes() == json_record.to_json([result], all_parts=False)
    assert path.read_bytes().endswith(b"}\n")
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(result: PartRecord, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        json_record.write(tmp_path / "missing" / "result.json", [result], all_parts=False)
    assert list(tmp_path.iterdir()) == []
