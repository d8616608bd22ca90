"""The waits of a learner are measured in copies of commits, beside the imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.progress import Progress

from autograder.authoring import waiting_times
from autograder.judge.exercises import ROOT, find_part

IN_A_REPOSITORY = (ROOT / ".git").exists() and (ROOT / "part1_autograd" / "solution").exists()


@pytest.mark.slow
@pytest.mark.skipif(not IN_A_REPOSITORY, reason="needs the repository: a handout has no commits to copy")
def test_every_file_of_a_part_is_changed_once_a_round_and_the_first_run_has_another_beside_it() -> None:
    part = find_part("part1")
    with waiting_times.finished_copy("HEAD") as here, waiting_times.finished_copy("HEAD") as other:
        times = waiting_times.measure(part, here, other, 1, Progress(disable=True))
        assert all((here / part.name / file).read_text(encoding="utf-8").count("\n# ") for file in part.files)
    assert times.keys() == {waiting_times.IMPORTS, "first", "beside", "unchanged", *part.files}
    assert all(time > 0 for time in times.values())


def test_waits_are_shown_as_multiples_of_the_imports() -> None:
    times = {waiting_times.IMPORTS: 2.0, "unchanged": 0.5, "a.py": 3.0, "b.py": 4.0, "first": 6.0, "beside": 8.0}
    written = waiting_times.row(find_part("part1"), times)
    assert " ".join(written.split()) == "part1 2.00 s 0.25 × 1.50 to 2.00 × 6.0 s 0.75 × b.py"
    del times["beside"]
    assert " ".join(waiting_times.row(find_part("part1"), times).split()).endswith("2.00 × 6.0 s b.py")


def test_a_command_that_fails_is_told_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)-c .* ended with 3:\nwords"):
        waiting_times.seconds(tmp_path, "-c", "print('words'); raise SystemExit(3)")
