"""The layers of isolation: one table, which the worker, the judge and the check of the README read."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Layer(NamedTuple):
    """Something that stands between a submission and this machine, and who has to see to it."""

    name: str
    level: int
    by: Literal["judge", "worker"]
    is_needed: bool = True  # for its level


LAYERS = (
    Layer("separate interpreter", 0, "judge"),
    Layer("clean environment", 0, "judge"),
    Layer("empty home", 0, "judge"),
    Layer("closed wire", 0, "judge"),
    Layer("deadlines", 0, "judge"),
    Layer("output capped", 0, "judge"),
    Layer("own session", 1, "worker"),
    Layer("closed descriptors", 1, "worker"),
    Layer("address space", 1, "worker"),
    Layer("cpu time", 1, "worker"),
    Layer("file size", 1, "worker"),
    Layer("open files", 1, "worker"),
    Layer("another user", 1, "worker", is_needed=False),
    Layer("closed files", 1, "worker", is_needed=False),
    Layer("processes", 1, "worker", is_needed=False),
    Layer("process tree killed", 1, "judge"),
    Layer("closed judge", 1, "judge"),
)
