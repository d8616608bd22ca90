"""The words for what became of a test or an exercise, and what each of them means."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.testing.failures import Wrong

PASSED, WRONG, ERROR, NOT_ATTEMPTED, BLOCKED = "passed", Wrong.outcome, "error", "not attempted", "blocked"
TIMEOUT, MEMORY, CRASH, REFUSED = "timeout", "memory", "crash", "refused"
NOT_HANDED_IN, GRADER_FAULT = "not handed in", "grader fault"


@dataclass(frozen=True)
class Outcome:
    """The way a report shows a word, and what follows from it."""

    word: str
    mark: str = "✗"
    style: str = "red"  # rich's
    ends_a_test: bool = False  # no further answer is worth asking for
    is_begun: bool = True  # something was written for the exercise
    blocks: bool = False  # nothing of the exercise is there: what needs it cannot be done


# The gravest first: an exercise has the gravest word of its tests.
OUTCOMES = {
    outcome.word: outcome
    for outcome in (
        Outcome(GRADER_FAULT, "!", "bold magenta"),
        Outcome(REFUSED, ends_a_test=True, blocks=True),
        Outcome(MEMORY, ends_a_test=True),
        Outcome(CRASH, ends_a_test=True),
        Outcome(TIMEOUT, ends_a_test=True),
        Outcome(ERROR),
        Outcome(WRONG),
        Outcome(NOT_ATTEMPTED, "·", "dim", ends_a_test=True, is_begun=False, blocks=True),
        Outcome(BLOCKED, "·", "dim", is_begun=False),
        Outcome(NOT_HANDED_IN, style="yellow", is_begun=False, blocks=True),
        Outcome(PASSED, "✓", "green"),
    )
}
