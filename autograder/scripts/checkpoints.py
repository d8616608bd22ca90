"""Checkpoints that are whole or not there, and what --resume refuses."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autograder.atomic_files import write_whole


def not_of_this_script(path: Path, reason: str) -> ValueError:
    """What to raise for a file that cannot be read, or that something else wrote."""
    return ValueError(f"--resume must be given a checkpoint of this script; got {path}: {reason}")


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
    import torch

    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location=config.device)
        saved = type(config)(**state["config"])
        if state["script"] != script:
            raise ValueError(f"it is of {state['script']}")
    except FileNotFoundError:
        raise ValueError(f"--resume must find a checkpoint; got {path}, which is not there.") from None
    except Exception as error:  # what torch.load raises for a damaged file, or one that holds code, is not documented
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise not_of_this_script(path, reason) from None
    check_options(path, saved, config)
    return state
