"""Checkpoints: named arrays in an `.npz` file, which is whole or not there. Given.

checkpoint.save("best.npz", model.state_dict())
model.load_state_dict(checkpoint.load("best.npz"))
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy import ndarray


def save(path: str | Path, arrays: Mapping[str, ndarray]) -> None:
    """Write beside the file, then rename: Ctrl-C or a power cut leaves the old file or the new one, never a half.

    The same arrays give the same bytes, and `np.load` reads them.  Raises ValueError for an array of objects,
    and OSError, of the kind that the system raised, that names the file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"{path} must be writable; got {reason}. Make room, or choose another place.") from None
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | Path) -> dict[str, ndarray]:
    """Return the arrays by their names.

    Nothing in the file is ever run.  Raises ValueError for a file that is no checkpoint or a damaged one, and OSError,
    such as FileNotFoundError, for one that cannot be opened.
    """
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return {name.removesuffix(".npy"): read(archive, name) for name in archive.namelist()}
        except Exception as error:  # what a damaged archive or header raises is any of a dozen kinds
            raise ValueError(
                f"path must be an .npz file of arrays; got {path}, which cannot be read: {error}."
            ) from error


def write(file: BinaryIO, arrays: Mapping[str, ndarray]) -> None:
    """The archive that `np.savez` writes, but without the time of day, and without pickle.

    `np.savez` would take an array that is named "file" for the file.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            if array.dtype.hasobject:
                raise ValueError(f"arrays must hold numbers; got dtype {array.dtype} for {name}.")
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(archive: zipfile.ZipFile, name: str) -> ndarray:
    """Return one of the archive's arrays."""
    with archive.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
