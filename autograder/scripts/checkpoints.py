"""Checkpoints that are whole or not there, and what --resume refuses."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from autograder.atomic_files import write_whole

Made = TypeVar("Made")
RESUMED = "--resume must be given a checkpoint of this script"


@contextlib.contextmanager
def refusing(rule: str, path: Path) -> Iterator[None]:
    """Raise ValueError, which says the rule, for whatever a file's content is found to lack or to hold besides."""
    try:
        yield
    except NotImplementedError:  # an exercise that is not written is not the file's fault
        raise
    except KeyError as error:
        raise ValueError(f"{rule}; got {path}: it lacks {error.args[0]}.") from None
    except (AttributeError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__  # torch lists what is missing in lines
        raise ValueError(f"{rule}; got {path}: {reason}") from None


def check_names(what: str, found: Iterable[str], expected: Iterable[str]) -> None:
    """Raise ValueError that lists what is missing and what is there besides, as in a file of another version."""
    problems = {"lacks": set(expected) - set(found), "has besides": set(found) - set(expected)}
    said = [f"{verb} {', '.join(sorted(names))}" for verb, names in problems.items() if names]
    if said:
        raise ValueError(f"its {what} {' and '.join(said)}. Another version may have written it; train again.")


def check_arrays(what: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise ValueError unless these are arrays of these names and shapes."""
    check_names(what, found, expected)
    for name, array in expected.items():
        if found[name].shape != array.shape:
            raise ValueError(f"its {what} has {name} of shape {found[name].shape} instead of {array.shape}.")


def saved_config(kind: type[Made], saved: Mapping[str, Any], **changes: object) -> Made:
    """The configuration that was saved.  Raises ValueError unless it has all fields, and no others."""
    check_names("configuration", saved, [field.name for field in fields(kind)])  # type: ignore[arg-type]
    return kind(**{**saved, **changes})


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


def load_torch(path: Path, config: Any, script: str, names: Iterable[str]) -> dict[str, Any]:
    """Read what was saved there by these names.

    Raises ValueError for another file, another script's, an incomplete one, or another configuration.
    """

    def with_config(state: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        check_names("content", state, ["script", "config", *names])
        return state, saved_config(type(config), state["config"])

    if not path.exists():
        raise ValueError(f"--resume must find a checkpoint; got {path}, which is not there.")
    state, saved = made_of(path, script, config.device, with_config, RESUMED)
    check_options(path, saved, config)
    return state


def made_of(
    path: Path, script: str, device: str, make: Callable[[dict[str, Any]], Made], rule: str | None = None
) -> Made:
    """Read what `make` makes of what the script saved there.  Runs no code that a file holds.

    Raises OSError, and ValueError, which says the rule, for a file that is damaged, of another script, or incomplete.
    """
    import torch

    if not path.exists():
        raise ValueError(f"CHECKPOINT must be a file that is there; got {path}. python -m {script} makes one.")
    rule = rule or f"CHECKPOINT must be one of {script}"
    content = io.BytesIO(path.read_bytes())
    try:
        with warnings.catch_warnings(action="ignore"):  # of other files, which are refused below
            state = torch.load(content, weights_only=True, map_location=device)
    except Exception:  # what torch.load raises for a damaged file, or one that holds code, is not documented
        raise ValueError(f"{rule}; got {path}: it is damaged, or holds more than tensors.") from None
    whose = state.get("script", "another program") if isinstance(state, dict) else "another program"
    if whose != script:
        raise ValueError(f"{rule}; got {path}: it is of {whose}.")
    with refusing(rule, path):
        return make(state)
