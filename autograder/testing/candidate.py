"""The submission as tests see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from autograder.testing.probes import Probe


class Candidate(Protocol):
    """A submission as a test sees it: something that runs probes."""

    def run(self, probe: Probe, /, **arguments: Any) -> Any:
        """The probe's answer. Raises a Failure if there is none."""

    def run_within(self, memory_bytes: int, probe: Probe, /, **arguments: Any) -> Any:
        """The answer of a probe that has so much memory, which is kept from outside the worker where the system can.

        Raises a Failure, OutOfMemory among others, if there is none. It takes a second: for tests of a single problem.
        """

    def raises(
        self, error: type[Exception], probe: Probe, mistakes: Mapping[str, Any] | None = None, /, **arguments: Any
    ) -> str:
        """The message of the exception that the probe must raise, of exactly this class.

        Raises Wrong if it does not.  `mistakes` maps a sentence that names a known mistake to what the probe would
        answer in place of the exception.
        """
