"""Checkpoints that are whole or not there, and what --resume refuses."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from autograder.atomic_files import write_whole

Made = TypeVar("Made")
RESUMED = "--resume must be given a checkpoint of this script"


def not_of_this_script(path: Path, reason: str) -> ValueError:
    """What to raise for a file that cannot be read, or that something else wrote."""
    return ValueError(f"{RESUMED}; got {path}: {reason}")


def check_options(path: Path, saved: Any, config: Any) -> None:
    """Raise ValueError unless the run that was saved had these options."""
    if saved != config:
        different = [name for name, value in asdict(config).items() if value != getattr(saved, name)]
        raise ValueError(f"--resume must have the options of the run in {path}; {', '.join(different)} differ.")


def save_torch(path: Path, config: Any, script: str, state: Mapping[str, object]) -> None:
    """The state of a run, and whose it is."""
    import torch

    file = io.BytesIO()
    torch.save({"script": script, "config": asdict(config), **state}, file)
    write_whole(path, file.getvalue())


def load_torch(path: Path, config: Any, script: str) -> dict[str, Any]:
    """What was saved there.  Raises ValueError for another file, another script's, or another configuration."""

    def with_config(state: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        return state, type(config)(**state["config"])

    if not path.exists():
        raise ValueError(f"--resume must find a checkpoint; got {path}, which is not there.")
    state, saved = made_of(path, script, config.device, with_config, RESUMED)
    check_options(path, saved, config)
    return state


def made_of(
    path: Path, script: str, device: str, make: Callable[[dict[str, Any]], Made], rule: str | None = None
) -> Made:
    """What `make` makes of what the script saved there.  Runs no code that a file holds.

    Raises OSError, and ValueError, which says the rule, for a file that is damaged, of another script, or incomplete.
    """
    import torch

    if not path.exists():
        raise ValueError(f"CHECKPOINT must be a file that is there; got {path}. python -m {script} makes one.")
    refused = f"{rule or f'CHECKPOINT must be one of {script}'}; got {path}"
    content = io.BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings(action="ignore"):  # of other files, which are refused below
            state = torch.load(content, weights_only=True, map_location=device)
    except Exception:  # what torch.load raises for a damaged file, or one that holds code, is not documented
        raise ValueError(f"{refused}: it is damaged, or holds more than tensors.") from None
    whose = state.get("script", "another program") if isinstance(state, dict) else "another program"
    if whose != script:
        raise ValueError(f"{refused}: it is of {whose}.")
    try:
        return make(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, NotImplementedError):  # an exercise that is not written is not the file's fault
            raise
        raise ValueError(f"{refused}: {(str(error) or type(error).__name__).splitlines()[0]}") from None
