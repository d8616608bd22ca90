"""The options of a training script, which are fields of the dataclass that holds its configuration."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from autograder.scripts import launch

Made = TypeVar("Made")
HIGHEST_LR = 1e37


class Parser(launch.Parser):
    """A parser that leaves what is not given on the command line to the configuration's defaults."""

    def add_settings(self, meanings: Mapping[str, str], defaults: object, with_data: object = None) -> None:
        """An option for each of these fields; `with_data` is the configuration that --data has."""
        for name, meaning in meanings.items():
            default = getattr(defaults, name)
            self.add_argument(
                f"--{name.replace('_', '-')}",
                type=type(default),
                default=argparse.SUPPRESS,
                metavar="NAME" if isinstance(default, str) else "N",
                help=f"{meaning} ({said(default, getattr(with_data, name, None))})",
            )

    def add_out(self, meaning: str, folder: str, with_data: str | None = None) -> None:
        """The option for the folder of what comes of training."""
        self.folders = (Path(folder), Path(with_data or folder))
        self.add_argument("--out", type=Path, metavar="DIR", help=f"{meaning} ({said(folder, with_data)})")

    def add_resume(self, checkpoint: str) -> None:
        self.add_argument("--resume", action="store_true", help=f"go on from {checkpoint} in the folder of --out")

    def read(self, arguments: Sequence[str], make: Callable[..., Made]) -> tuple[Made, Path, bool]:
        """Give what `make` makes of the settings, the folder of --out, which is made, and whether to go on there."""
        given = vars(self.parse_args(arguments))
        folder = given.pop("out") or self.folders[given.get("data") is not None]
        goes_on = given.pop("resume", False)
        del given["solution"], given["upstream"]
        try:
            made = make(**given)
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except ValueError as error:
            self.error(str(error))
        except OSError as error:
            self.error(f"--out must be a folder that can be written to; got {folder}: {error.strerror}")
        return made, folder, goes_on


def said(default: object, with_data: object) -> str:
    """Put the default into words, as a help text has it."""
    return f"default: {default}" if with_data is None else f"default: {default}, with --data {with_data}"


def check(config: Any, counts: Iterable[str], not_negative: Iterable[str] = ("seed",)) -> None:
    """Raise ValueError where `check_counts` does, and unless lr is positive."""
    check_counts(config, counts, not_negative)
    require(config, "lr", 0 < config.lr < math.inf, "be positive")
    require(config, "lr", config.lr < HIGHEST_LR, f"be less than {HIGHEST_LR:g}, since float32 holds no such step")


def check_counts(config: object, counts: Iterable[str], not_negative: Iterable[str] = ("seed",)) -> None:
    """Raise ValueError unless every count is at least 1, these are not negative, and none is huge."""
    for name in counts:
        require(config, name, getattr(config, name) >= 1, "be at least 1")
    for name in not_negative:
        require(config, name, getattr(config, name) >= 0, "not be negative")
    for name in (*counts, *not_negative):
        require(config, name, getattr(config, name) < 2**63, "be less than 2**63")


def require(config: object, name: str, holds: bool, rule: str) -> None:
    """Raise ValueError, which says the rule, unless it holds for this field."""
    if not holds:
        raise ValueError(f"{name} must {rule}; got {getattr(config, name)}.")
