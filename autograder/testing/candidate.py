"""The submission as tests see it."""

from __future__ import annotations

from typing import Any, Protocol

from autograder.testing.probes import Probe


class Candidate(Protocol):
    """What tests use."""

    def run(self, probe: Probe, /, **arguments: Any) -> Any:
        """The probe's answer. Raises a Failure if there is none."""

    def raises(self, error: type[Exception], probe: Probe, /, **arguments: Any) -> str:
        """The message of the exception that the probe must raise, of exactly this class.

        Raises Wrong if it does not.
        """
