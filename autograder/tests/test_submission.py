"""What is handed in, as a folder or a zip: only exercise files are read, and nothing outside is, whatever it holds."""

from __future__ import annotations

import io
import os
import struct
import sys
import time
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.judge import submission
from autograder.judge.exercises import Part
from autograder.judge.failures import CannotGrade
from autograder.judge.staging import remove_folder
from autograder.judge.submission import MAX_DEPTH, MAX_FILE_BYTES, Submission, from_path, in_place, reference
from autograder.reports.json_record import to_json
from autograder.tests.toy import SOLUTION, collect_toy, grade_toy, make_toy_part

CODE = b"answer = 42\n"
SECRET = b"nobody may read this\n"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Part]:
    root = tmp_path_factory.mktemp("parts")
    return [make_toy_part(root, "part1_hand"), make_toy_part(root, "part2_in")]


@pytest.fixture(params=["folder", "zip"])
def hand_in(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Mapping[str, bytes]], Path]:
    """Writes files as a folder, or packs them as a zip."""

    def write(files: Mapping[str, bytes]) -> Path:
        if request.param == "zip":
            return zipped(tmp_path / "submission.zip", files)
        for name, content in files.items():
            path = tmp_path / "submission" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (tmp_path / "submission").mkdir(exist_ok=True)
        return tmp_path / "submission"

    return write


def zipped(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


# The layout


def test_the_exercise_files_of_every_part_are_read(
    hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]
) -> None:
    path = hand_in({"part1_hand/toy.py": CODE, "part2_in/toy.py": b"2", "part2_in/other.py": b""})
    read = from_path(path, parts)
    assert read.files == {"part1_hand": {"toy.py": CODE}, "part2_in": {"toy.py": b"2", "other.py": b""}}
    assert read.label == str(path)
    assert read.of(parts[0]) == {"toy.py": CODE}


def test_other_files_are_ignored_and_listed(hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]) -> None:
    others = ["README.md", "part1_hand/conftest.py", "part1_hand/tests/toy.py", "part3_no/toy.py", "toy.py"]
    read = from_path(hand_in({"part1_hand/toy.py": CODE, **dict.fromkeys(others, SECRET)}), parts)
    assert read.ignored == tuple(sorted(others))
    assert read.files["part1_hand"] == {"toy.py": CODE}


def test_one_enclosing_folder_is_looked_through(
    hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]
) -> None:
    read = from_path(hand_in({"ada lovelace/part1_hand/toy.py": CODE, "__MACOSX/._x": b""}), parts)
    assert read.of(parts[0]) == {"toy.py": CODE}
    assert read.ignored == ("__MACOSX/._x",)


def test_two_hand_ins_are_an_error_that_names_them(
    hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]
) -> None:
    path = hand_in({"new/part1_hand/toy.py": CODE, "old/part1_hand/toy.py": CODE})
    with pytest.raises(CannotGrade, match=r"must hold one hand-in; got new, old\. Give one of these folders\."):
        from_path(path, parts)


@pytest.mark.parametrize(
    "names",
    [[], ["toy.py"], ["part1/toy.py"], ["a/b/part1_hand/toy.py"], ["part1_hand/toy.pyc"], ["PART1_HAND/TOY.PY"]],
    ids=["nothing", "no folder", "a short name", "too deep", "another file", "capitals"],
)
def test_a_wrong_layout_is_an_error_that_shows_the_right_one(
    names: list[str], hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]
) -> None:
    path = hand_in(dict.fromkeys(names, CODE))
    with pytest.raises(CannotGrade) as error:
        from_path(path, parts)
    assert f"exercise files such as part1_hand/{parts[0].files[0]}" in str(error.value)
    assert f"holds {', '.join(names) or 'nothing'}." in str(error.value)


def test_a_path_that_is_neither_folder_nor_zip_is_an_error(tmp_path: Path, parts: list[Part]) -> None:
    file = tmp_path / "toy.py"
    file.write_bytes(CODE)
    with pytest.raises(CannotGrade, match="must be a folder or a zip; got the file"):
        from_path(file, parts)
    with pytest.raises(CannotGrade, match="must exist; got"):
        from_path(tmp_path / "nowhere", parts)


def test_in_place_and_reference_read_the_parts_own_folders(parts: list[Part], tmp_path: Path) -> None:
    assert in_place(parts).of(parts[0])["toy.py"] == (parts[0].folder / "toy.py").read_bytes()
    assert reference(parts).of(parts[1]) == {name: content.encode() for name, content in SOLUTION.items()}
    handout = make_toy_part(tmp_path)
    for file in (handout.folder / "solution").iterdir():
        file.unlink()
    (handout.folder / "solution").rmdir()
    with pytest.raises(CannotGrade, match="Handouts come without the reference"):
        reference([handout])


# Names that point elsewhere


OUTSIDE = ["../part1_hand/toy.py", "../../part1_hand/toy.py", "/part1_hand/toy.py", "./part1_hand/toy.py"]


@pytest.mark.parametrize("name", [*OUTSIDE, "..\\part1_hand\\toy.py", "C:part1_hand/toy.py/../toy.py"])
def test_a_zip_member_that_points_elsewhere_is_no_exercise_file(name: str, tmp_path: Path, parts: list[Part]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(CannotGrade, match="must hold exercise files"):
        from_path(zipped(folder / "a.zip", {name: CODE}), parts)
    read = from_path(zipped(folder / "b.zip", {name: SECRET, "part1_hand/toy.py": CODE}), parts)
    assert read.of(parts[0]) == {"toy.py": CODE}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "b.zip", "folder"]


def test_a_zip_is_read_and_never_unpacked(tmp_path: Path, parts: list[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a zip must not be unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "extract", refuse)
    monkeypatch.setattr(zipfile.ZipFile, "extractall", refuse)
    assert from_path(zipped(tmp_path / "a.zip", {"part1_hand/toy.py": CODE}), parts).of(parts[0])


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder that has the layout of a submission and must not be read."""
    folder = tmp_path / "secret" / "part1_hand"
    folder.mkdir(parents=True)
    (folder / "toy.py").write_bytes(SECRET)
    return folder


def make_link(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this user may not make links")


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path, secret: Path, parts: list[Part]) -> None:
    folder = tmp_path / "submission" / "part1_hand"
    folder.mkdir(parents=True)
    (folder / "other.py").write_bytes(CODE)
    make_link(folder / "toy.py", secret / "toy.py")
    read = from_path(tmp_path / "submission", parts).of(parts[0])
    assert read == {"other.py": CODE, "toy.py": "toy.py must be a plain file; it is a link or something else"}


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path, secret: Path, parts: list[Part]) -> None:
    folder = tmp_path / "submission"
    folder.mkdir()
    make_link(folder / "part1_hand", secret)
    with pytest.raises(CannotGrade, match="holds part1_hand"):
        from_path(folder, parts)
    make_link(folder / "enclosing", secret.parent)
    with pytest.raises(CannotGrade):
        from_path(folder, parts)


def test_a_file_that_becomes_a_link_while_it_is_looked_at_is_not_followed(
    tmp_path: Path, secret: Path, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(os, "O_NOFOLLOW"):
        pytest.skip("this system cannot open a file on condition that it is no link")
    file = tmp_path / "submission" / "part1_hand" / "toy.py"
    file.parent.mkdir(parents=True)
    file.write_bytes(CODE)
    look = Path.lstat

    def swap(path: Path) -> os.stat_result:
        status = look(path)
        if path == file and not os.path.islink(path):
            file.unlink()
            file.symlink_to(secret / "toy.py")
        return status

    monkeypatch.setattr(Path, "lstat", swap)
    content = from_path(tmp_path / "submission", parts).of(parts[0])["toy.py"]
    assert isinstance(content, str)
    assert content.startswith("toy.py cannot be read: ")


def test_a_link_in_a_zip_is_not_handed_in(tmp_path: Path, parts: list[Part]) -> None:
    member = zipfile.ZipInfo("part1_hand/toy.py")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    assert from_path(tmp_path / "a.zip", parts).of(parts[0]) == {
        "toy.py": "part1_hand/toy.py must be a plain file; it is a link"
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_never_ends_is_not_read(tmp_path: Path, parts: list[Part]) -> None:
    folder = tmp_path / "part1_hand"
    folder.mkdir()
    os.mkfifo(folder / "toy.py")
    content = from_path(tmp_path, parts).of(parts[0])["toy.py"]
    assert content == "toy.py must be a plain file; it is a link or something else"


def test_a_folder_named_like_a_file_is_not_handed_in(tmp_path: Path, parts: list[Part]) -> None:
    (tmp_path / "part1_hand" / "toy.py").mkdir(parents=True)
    (tmp_path / "part1_hand" / "other.py").write_bytes(CODE)
    assert from_path(tmp_path, parts).of(parts[0]) == {"other.py": CODE}


# Too much


def test_a_file_has_at_most_a_quarter_of_a_mebibyte(
    hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]
) -> None:
    path = hand_in({"part1_hand/toy.py": b"#" * (MAX_FILE_BYTES + 1), "part1_hand/other.py": b"#" * MAX_FILE_BYTES})
    read = from_path(path, parts).of(parts[0])
    assert read["toy.py"] in [f"{name} must be at most 256 KiB" for name in ("toy.py", "part1_hand/toy.py")]
    assert read["other.py"] == b"#" * MAX_FILE_BYTES


def bomb(path: Path, compression: int, mebibytes: int = 64) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive, archive.open("part1_hand/toy.py", "w") as member:
        for _ in range(mebibytes):
            member.write(bytes(2**20))
    return path


@pytest.mark.parametrize("compression", ["ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"])
def test_a_bomb_is_not_unpacked(compression: str, tmp_path: Path, parts: list[Part]) -> None:
    path = bomb(tmp_path / "a.zip", getattr(zipfile, compression))
    assert path.stat().st_size < 2**20
    content, peak = measured(lambda: from_path(path, parts).of(parts[0])["toy.py"])
    way = "be at most 256 KiB" if compression == "ZIP_DEFLATED" else "be stored or deflated in the zip"
    assert f"part1_hand/toy.py must {way}" in str(content)
    assert peak < 16 * 2**20


def test_a_bomb_that_states_a_small_size_is_not_unpacked(tmp_path: Path, parts: list[Part]) -> None:
    path = bomb(tmp_path / "a.zip", zipfile.ZIP_DEFLATED)
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 64 * 2**20), struct.pack("<L", 100)))
    content, peak = measured(lambda: from_path(path, parts).of(parts[0])["toy.py"])
    assert isinstance(content, str) or len(content) <= 100
    assert peak < 16 * 2**20


@pytest.mark.parametrize("is_zip64", [False, True])
def test_a_zip_of_half_a_million_files_is_refused_before_they_are_listed(
    is_zip64: bool, tmp_path: Path, parts: list[Part]
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(many_members(500_000, is_zip64))
    assert zipfile.is_zipfile(path)
    started = time.perf_counter()
    (message, peak), seconds = measured(lambda: refusal(path, parts)), time.perf_counter() - started
    assert message == f"--submission must be a readable zip; {path}: its list of files is longer than 2 MiB."
    assert peak < 2 * 2**20
    assert seconds < 1.0


def many_members(count: int, is_zip64: bool) -> bytes:
    """A zip that lists one empty file this many times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("part1_hand/toy.py", b"")
    whole = buffer.getvalue()
    start, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    listed = whole[start:end] * count
    size, ends = len(listed), b""
    if is_zip64:
        ends = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        ends += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        size = start = 2**32 - 1
    ends += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, size, start, 0)
    return whole[: whole.index(b"PK\1\2")] + listed + ends


def test_a_zip_of_as_many_files_as_a_long_list_holds_is_read(tmp_path: Path, parts: list[Part]) -> None:
    files = {f"notes/{number:06}": b"" for number in range(20_000)}
    read = from_path(zipped(tmp_path / "a.zip", {"part1_hand/toy.py": CODE, **files}), parts)
    assert len(read.ignored) == 20_000


def refusal(path: Path, parts: list[Part]) -> str:
    with pytest.raises(CannotGrade) as error:
        from_path(path, parts)
    return str(error.value)


@pytest.mark.skipif(os.name != "posix", reason="written for POSIX: dir_fd")
def test_folders_in_folders_without_end_are_an_error(tmp_path: Path, parts: list[Part]) -> None:
    folder = tmp_path / "submission"
    (folder / "part1_hand").mkdir(parents=True)
    (folder / "part1_hand" / "toy.py").write_bytes(CODE)
    nested = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deeper", dir_fd=nested)
        os.close(os.open("file", os.O_CREAT, dir_fd=nested))
        deeper = os.open("deeper", os.O_RDONLY, dir_fd=nested)
        os.close(nested)
        nested = deeper
    os.close(nested)
    assert refusal(folder, parts) == f"--submission must be at most 64 folders deep; {folder} is deeper."
    remove_folder(folder)


def test_folders_that_are_nested_as_far_as_allowed_are_listed(tmp_path: Path, parts: list[Part]) -> None:
    (tmp_path / "part1_hand").mkdir()
    (tmp_path / "part1_hand" / "toy.py").write_bytes(CODE)
    name = "/".join("d" * MAX_DEPTH)
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / "file").touch()
    assert from_path(tmp_path, parts).ignored == (f"{name}/file",)


def measured(work: Callable[[], bytes | str]) -> tuple[bytes | str, int]:
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_too_many_files_are_an_error(
    hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MAX_MEMBERS", 10)
    path = hand_in({"part1_hand/toy.py": CODE, **{f"many/{number}": b"" for number in range(10)}})
    with pytest.raises(CannotGrade, match="must hold at most 10 files"):
        from_path(path, parts)


def test_a_zip_that_is_too_large_is_not_even_listed(
    tmp_path: Path, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MAX_ZIP_BYTES", 100)
    with pytest.raises(CannotGrade, match=r"must be a zip of at most .* --pack"):
        from_path(zipped(tmp_path / "a.zip", {"part1_hand/toy.py": CODE}), parts)


def test_environments_and_caches_are_not_walked_through(tmp_path: Path, parts: list[Part]) -> None:
    for name in (".venv", ".git", "part1_hand/__pycache__"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").touch()
    (tmp_path / "part1_hand" / "toy.py").write_bytes(CODE)
    assert from_path(tmp_path, parts).ignored == ()


def test_a_zip_whose_folders_are_parted_as_on_windows_is_read(tmp_path: Path, parts: list[Part]) -> None:
    files = {"hand-in\\": b"", "hand-in\\part1_hand\\toy.py": CODE, "hand-in\\notes.txt": b""}
    read = from_path(zipped(tmp_path / "a.zip", files), parts)
    assert read.of(parts[0]) == {"toy.py": CODE}
    assert read.ignored == ("hand-in/notes.txt",)


# Damaged


def test_a_member_that_is_there_twice_is_not_handed_in(tmp_path: Path, parts: list[Part]) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        warnings.simplefilter("ignore")  # of zipfile, which sees what is being done
        archive.writestr("part1_hand/toy.py", CODE)
        archive.writestr("part1_hand/toy.py", SECRET)
    assert from_path(tmp_path / "a.zip", parts).of(parts[0]) == {
        "toy.py": "part1_hand/toy.py must be in the zip once; it is there 2 times"
    }


def test_an_encrypted_member_is_not_handed_in(tmp_path: Path, parts: list[Part]) -> None:
    data = bytearray(zipped(tmp_path / "a.zip", {"part1_hand/toy.py": CODE}).read_bytes())
    data[6] |= 1  # of the file's own header
    data[data.rindex(b"PK\1\2") + 8] |= 1  # of the directory's
    (tmp_path / "a.zip").write_bytes(data)
    content = from_path(tmp_path / "a.zip", parts).of(parts[0])["toy.py"]
    assert "toy.py cannot be read from the zip: " in str(content)
    assert "encrypted" in str(content)


def whole_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("part1_hand/toy.py", "part1_hand/other.py"):
            archive.writestr(name, SOLUTION["toy.py"] * 3)
    return buffer.getvalue()


WHOLE = whole_zip()
places = st.integers(0, len(WHOLE) - 1)


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4), length=places | st.none())
def test_a_damaged_zip_is_told_and_never_an_exception(
    changes: list[tuple[int, int]], length: int | None, parts: list[Part], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(WHOLE)
    for place, value in changes:
        data[place] = value
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(data[:length])
    try:
        read = from_path(path, parts)
    except CannotGrade:
        return
    assert all(type(content) in (bytes, str) for content in read.of(parts[0]).values())


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, parts: list[Part]) -> None:
    file = tmp_path / "part1_hand" / "toy.py"
    file.parent.mkdir()
    file.touch(mode=0)
    if os.access(file, os.R_OK):
        pytest.skip("this user reads everything")
    assert from_path(tmp_path, parts).of(parts[0]) == {"toy.py": "toy.py cannot be read: Permission denied"}


def test_a_file_that_vanishes_is_told(tmp_path: Path, parts: list[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part1_hand").mkdir()
    (tmp_path / "part1_hand" / "toy.py").touch()
    entries = submission._entries

    def vanishing(root: Path) -> Iterator[tuple[str, bool]]:
        yield from entries(root)
        (root / "part1_hand" / "toy.py").unlink()

    monkeypatch.setattr(submission, "_entries", vanishing)
    read = from_path(tmp_path, parts)
    assert read.of(parts[0]) == {"toy.py": "toy.py cannot be read: No such file or directory"}


# Odd names


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has file names that are no Unicode")
def test_names_that_are_no_text_can_be_reported(tmp_path: Path, parts: list[Part]) -> None:
    folder = tmp_path / os.fsdecode(b"submission \xff")
    (folder / "part1_hand").mkdir(parents=True)
    (folder / "part1_hand" / "toy.py").write_text(SOLUTION["toy.py"])
    (folder / os.fsdecode(b"\xfe\n")).touch()
    read = from_path(folder, parts)
    assert read.ignored == ("\\udcfe\N{REPLACEMENT CHARACTER}",)
    record = grade_toy(collect_toy(parts[0], examples=1))
    record.code, record.ignored_files = read.label, list(read.ignored)
    assert b"submission \\\\udcff" in to_json([record], all_parts=False)


@pytest.mark.parametrize("name", ["a b", "ä", "🙂", "-e", "%s{0}", "[bold]", "x" * 200])
def test_odd_names_are_names(name: str, hand_in: Callable[[Mapping[str, bytes]], Path], parts: list[Part]) -> None:
    read = from_path(hand_in({f"{name}/part1_hand/toy.py": CODE, f"{name}/{name}": b""}), parts)
    assert read == Submission(read.label, {"part1_hand": {"toy.py": CODE}, "part2_in": {}}, (f"{name}/{name}",))
