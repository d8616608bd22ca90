"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import re
import stat
import sys
from pathlib import Path

import pytest

from autograder.atomic_files import write_whole


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
@pytest.mark.parametrize(
    ("kind", "number", "reason"),
    [(OSError, errno.ENOSPC, "No space left on device"), (PermissionError, errno.EACCES, "Permission denied")],
)
def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, kind: type[OSError], number: int, reason: str
) -> None:
    path = tmp_path / "stub.py"
    path.write_text("old")

    def fail(*arguments: object) -> None:
        raise OSError(number, reason)

    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(kind, match=rf"^{re.escape(str(path))} must be writable; got {reason}\. Make room, or "):
        write_whole(path, b"new")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("stub.py", "old")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "stub.py"
    path.write_text("old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
