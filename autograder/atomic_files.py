"""Write a file whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the file, then rename: a reader or a power cut finds the old content or the new, never a half.

    Raises OSError, of the kind that the system raised, that names the file.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"{path} must be writable; got {reason}. Make room, or choose another place.") from None
    finally:
        temporary.unlink(missing_ok=True)
