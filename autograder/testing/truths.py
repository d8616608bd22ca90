"""`@truth`: an oracle's answers, computed once for each problem, and never mistaken for the learner's fault."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from autograder.testing.failures import OracleFault
from autograder.worker import wire

Oracle = TypeVar("Oracle", bound=Callable[..., Any])
MAX_REMEMBERED = 20_000


def truth(oracle: Oracle) -> Oracle:
    """Memoise an oracle by the content of its arguments: one collection serves many submissions.

    An exception inside is a GraderFault, unless an answer was among the arguments (judge/attempt.py).
    """
    remembered: dict[bytes, Any] = {}

    @functools.wraps(oracle)
    def answer(*arguments: Any, **options: Any) -> Any:
        try:
            key = hashlib.blake2b(wire.encode((arguments, options)), digest_size=16).digest()
            if key not in remembered:
                if len(remembered) >= MAX_REMEMBERED:
                    remembered.clear()
                remembered[key] = oracle(*arguments, **options)
            return remembered[key]
        except Exception as error:
            message = f"{oracle.__module__}.{oracle.__name__} failed: {type(error).__name__}: {error}"
            raise OracleFault(message, [*arguments, *options.values()]) from error

    return answer  # type: ignore[return-value]
