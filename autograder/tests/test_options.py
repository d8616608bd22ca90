"""A training script's options are fields of its configuration, with and without --data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from autograder.scripts import options


@dataclass(frozen=True)
class Config:
    """The settings of a toy."""

    data: str | None = None
    batch_size: int = 4
    lr: float = 0.1
    method: str = "both"
    seed: int = 0

    def __post_init__(self) -> None:
        options.require(self, "method", self.method in ("both", "one"), "be one of both, one")
        options.check(self, ["batch_size"])


def parser(folder: Path) -> options.Parser:
    made = options.Parser("part9_toy.train_toy")
    made.add_argument("--data")
    made.add_settings({"batch_size": "to a step", "lr": "pace", "method": "how"}, Config(), Config(batch_size=8))
    made.add_out("where", str(folder / "without"), str(folder / "with"))
    made.add_resume("last.pt")
    return made


def test_what_is_not_given_is_the_configurations(tmp_path: Path) -> None:
    assert parser(tmp_path).read([], Config) == (Config(), tmp_path / "without", False)
    assert (tmp_path / "without").is_dir()
    given = ["--data", "x", "--batch-size", "2", "--lr", "1", "--method", "one", "--resume"]
    assert parser(tmp_path).read(given, Config) == (Config("x", 2, 1.0, "one"), tmp_path / "with", True)
    assert parser(tmp_path).read(["--out", str(tmp_path / "own")], Config)[1] == tmp_path / "own"


def test_the_help_says_the_defaults(tmp_path: Path) -> None:
    text = " ".join(parser(tmp_path).format_help().split())
    assert "--batch-size N to a step (default: 4, with --data 8)" in text
    assert "--method NAME how (default: both, with --data both)" in text
    assert "go on from last.pt in the folder of --out" in text


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--batch-size", "0"], "batch_size must be at least 1; got 0."),
        (["--lr", "nan"], "lr must be positive; got nan."),
        (["--lr", "inf"], "lr must be positive; got inf."),
        (["--method", "two"], "method must be one of both, one; got two."),
        (["--batch-size", "x"], "argument --batch-size: invalid int value: 'x'."),
        (["--out", "taken"], "--out must be a folder that can be written to; got taken: File exists."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_one_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    problem: str,
) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        parser(tmp_path).read(arguments, Config)
    assert capsys.readouterr().err == f"python -m part9_toy.train_toy: {problem} --help shows the options.\n"


@pytest.mark.parametrize(("seed", "rule"), [(-1, "not be negative"), (2**63, r"be less than 2\*\*63")])
def test_a_seed_is_not_negative_and_no_larger_than_torch_takes(seed: int, rule: str) -> None:
    with pytest.raises(ValueError, match=rf"seed must {rule}; got {seed}\."):
        Config(seed=seed)
