"""Checkpoints of torch: what was saved comes back, and nothing else is taken."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from autograder.scripts import checkpoints


@dataclass(frozen=True)
class Config:
    """The settings of a toy."""

    steps: int = 3
    device: str = "cpu"


def test_what_was_saved_comes_back_and_the_folder_holds_nothing_else(tmp_path: Path) -> None:
    path, state = tmp_path / "last.pt", {"weight": torch.arange(3.0), "step": 2}
    for _ in range(2):
        checkpoints.save_torch(path, Config(), "part9_toy.train_toy", state)
    found = checkpoints.load_torch(path, Config(), "part9_toy.train_toy", state)
    assert found["step"] == 2
    assert torch.equal(found["weight"], torch.arange(3.0))
    assert os.listdir(tmp_path) == ["last.pt"]


def test_a_save_that_is_cut_short_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    checkpoints.save_torch(path, Config(), "part9_toy.train_toy", {})
    content = path.read_bytes()

    def cut_short(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", cut_short)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save_torch(path, Config(steps=4), "part9_toy.train_toy", {})
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [content]


def test_what_is_no_checkpoint_of_this_run_is_refused(tmp_path: Path) -> None:
    path, script = tmp_path / "last.pt", "part9_toy.train_toy"
    with pytest.raises(ValueError, match=r"--resume must find a checkpoint; got .*, which is not there"):
        checkpoints.load_torch(path, Config(), script, ())
    checkpoints.save_torch(path, Config(), script, {})
    with pytest.raises(ValueError, match=r"must be given a checkpoint of this script; got .*: it is of part9_toy\."):
        checkpoints.load_torch(path, Config(), "part9_toy.train_other", ())
    with pytest.raises(ValueError, match=r"must have the options of the run in .*; steps differ\."):
        checkpoints.load_torch(path, replace(Config(), steps=4), script, ())
    for damaged in (path.read_bytes()[:100], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="--resume must be given a checkpoint of this script; got "):
            checkpoints.load_torch(path, Config(), script, ())


@dataclass(frozen=True)
class Older(Config):
    """The settings of the toy of another version."""

    width: int = 1


def test_a_checkpoint_of_another_version_is_refused_and_says_what_it_lacks(tmp_path: Path) -> None:
    path, script = tmp_path / "last.pt", "part9_toy.train_toy"
    checkpoints.save_torch(path, Config(), script, {"weight": torch.ones(2), "old": 1})
    with pytest.raises(ValueError, match=r"its content lacks seed, step and has besides old\. Another version may"):
        checkpoints.load_torch(path, Config(), script, ("weight", "step", "seed"))
    checkpoints.save_torch(path, Config(), script, {})
    with pytest.raises(ValueError, match=r"got .*last\.pt: its configuration lacks width\."):
        checkpoints.load_torch(path, Older(), script, ())
    checkpoints.save_torch(path, Older(), script, {})
    with pytest.raises(ValueError, match=r"got .*last\.pt: its configuration has besides width\."):
        checkpoints.load_torch(path, Config(), script, ())


def test_what_a_file_lacks_is_said_in_one_line(tmp_path: Path) -> None:
    def fail(error: Exception) -> None:
        with checkpoints.refusing("CHECKPOINT must be whole", tmp_path):
            raise error

    with pytest.raises(ValueError, match=r"^CHECKPOINT must be whole; got .*: it lacks step\.$"):
        fail(KeyError("step"))
    with pytest.raises(ValueError, match=r"^CHECKPOINT must be whole; got .*: Errors: missing weight, bias$"):
        fail(RuntimeError("Errors:\n\tmissing weight,\n\tbias"))
    with pytest.raises(NotImplementedError):
        fail(NotImplementedError())


def test_arrays_must_have_their_names_and_shapes() -> None:
    expected = {"weight": torch.ones(2, 3), "bias": torch.ones(3)}
    checkpoints.check_arrays("model", {"bias": torch.zeros(3), "weight": torch.zeros(2, 3)}, expected)
    with pytest.raises(ValueError, match=r"its model lacks bias\."):
        checkpoints.check_arrays("model", {"weight": torch.zeros(2, 3)}, expected)
    with pytest.raises(ValueError, match=r"its model has bias of shape .* instead of"):
        checkpoints.check_arrays("model", {**expected, "bias": torch.zeros(1)}, expected)
