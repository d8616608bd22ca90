"""Everything that a part's tests import.

A test draws a problem, runs a probe on it through `candidate`, computes the truth with torch (or states a law), and
compares.
Its docstring is the sentence that the learner reads.
"""

from autograder.testing.candidate import Candidate
from autograder.testing.comparison import assert_at_most, assert_same, checked, same
from autograder.testing.marks import edge_case, law, oracle_test
from autograder.testing.probes import Probe, probes
from autograder.testing.right import assert_right
from autograder.testing.truths import truth

__all__ = [
    "Candidate",
    "Probe",
    "assert_at_most",
    "assert_right",
    "assert_same",
    "checked",
    "edge_case",
    "law",
    "oracle_test",
    "probes",
    "same",
    "truth",
]
