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
    """What a toy depends on."""

    steps: int = 3
    device: str = "cpu"


def test_what_was_saved_comes_back_and_the_folder_holds_nothing_else(tmp_path: Path) -> None:
    path, state = tmp_path / "last.pt", {"weight": torch.arange(3.0), "step": 2}
    for _ in range(2):
        checkpoints.save_torch(path, Config(), "part9_toy.train_toy", state)
    found = checkpoints.load_torch(path, Config(), "part9_toy.train_toy")
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
        checkpoints.load_torch(path, Config(), script)
    checkpoints.save_torch(path, Config(), script, {})
    with pytest.raises(ValueError, match=r"must be given a checkpoint of this script; got .*: it is of part9_toy\."):
        checkpoints.load_torch(path, Config(), "part9_toy.train_other")
    with pytest.raises(ValueError, match=r"must have the options of the run in .*; steps differ\."):
        checkpoints.load_torch(path, replace(Config(), steps=4), script)
    for damaged in (path.read_bytes()[:100], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="--resume must be given a checkpoint of this script; got "):
            checkpoints.load_torch(path, Config(), script)
