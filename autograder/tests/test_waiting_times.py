"""The waits of a learner are measured in copies of commits, beside the imports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.progress import Progress

from autograder.authoring import waiting_times
from autograder.judge.exercises import ROOT, find_part

IN_A_REPOSITORY = (ROOT / ".git").exists() and (ROOT / "part1_autograd" / "solution").exists()


@pytest.mark.slow
@pytest.mark.skipif(not IN_A_REPOSITORY, reason="needs the repository: a handout has no commits to copy")
def test_every_exercise_of_a_part_is_changed_once_a_round_and_the_first_run_has_another_beside_it() -> None:
    part = find_part("part4")
    with waiting_times.finished_copy("HEAD") as here, waiting_times.finished_copy("HEAD") as other:
        sources = [(here / part.name / file).read_text(encoding="utf-8") for file in part.files]
        times = waiting_times.measure(part, here, other, 1, Progress(disable=True))
        longer = [(here / part.name / file).read_text(encoding="utf-8") for file in part.files]
    assert sum(map(len, map(str.splitlines, longer))) == sum(map(len, map(str.splitlines, sources))) + len(part.ids)
    assert times.keys() == {waiting_times.IMPORTS, "first", "beside", "unchanged", *part.ids}
    assert all(time > 0 for time in times.values())


def test_a_line_is_added_to_an_exercises_first_region() -> None:
    source = "def f():\n    ### BEGIN SOLUTION a.b: it\n    return 1\n    ### END SOLUTION\n"
    lines = waiting_times.with_another_line(source, "a.b").splitlines()
    assert re.fullmatch(r"    # \d+", lines.pop(2))
    assert lines == source.splitlines()


def test_waits_are_shown_as_multiples_of_the_imports() -> None:
    part = find_part("part4")
    times = {waiting_times.IMPORTS: 2.0, "unchanged": 0.5, "first": 6.0, "beside": 8.0, **dict.fromkeys(part.ids, 3.0)}
    times |= {part.ids[0]: 2.5, part.ids[3]: 4.0}
    written = waiting_times.row(part, times)
    assert " ".join(written.split()) == f"part4 2.00 s 0.25 × 1.25 1.50 2.00 × 6.0 s 0.75 × {part.ids[3]}"
    del times["beside"]
    assert " ".join(waiting_times.row(part, times).split()).endswith(f"2.00 × 6.0 s {part.ids[3]}")


def test_a_command_that_fails_is_told_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)-c .* ended with 3:\nwords"):
        waiting_times.seconds(tmp_path, "-c", "print('words'); raise SystemExit(3)")
