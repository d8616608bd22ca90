"""Probes are read, never imported, where the answers are known."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from autograder.testing.probes import Probe, ProbeModule, probes

SOURCE = '''\
"""A probe file whose import would be noticed."""

import part0_nowhere

raise SystemExit("imported")


def forward(x, weight, bias=None, *, times, seed=0):
    return {"y": x}


def _private(x):
    return x


class Layer:
    def method(self, x):
        return x
'''


@pytest.fixture
def module(tmp_path: Path) -> ProbeModule:
    path = tmp_path / "probe_linear.py"
    path.write_text(SOURCE, encoding="utf-8")
    return ProbeModule(path, "part0_x.tests.probe_linear")


def test_a_probe_knows_its_name_its_arguments_and_its_place(module: ProbeModule, tmp_path: Path) -> None:
    assert module.forward == Probe(
        module="part0_x.tests.probe_linear",
        name="forward",
        parameters=("x", "weight", "bias", "times", "seed"),
        required=("x", "weight", "times"),
        path=tmp_path / "probe_linear.py",
        line=8,
    )


@pytest.mark.parametrize("name", ["backward", "_private", "method", "Layer", "part0_nowhere"])
def test_a_name_that_is_no_probe_is_told_the_right_ones(module: ProbeModule, name: str) -> None:
    with pytest.raises(AttributeError, match=f"probe_linear.py has no probe '{name}'; it has forward."):
        getattr(module, name)


@pytest.mark.parametrize("names", [("x", "weight", "times"), ("x", "weight", "bias", "times", "seed")])
def test_arguments_that_fit_are_accepted(module: ProbeModule, names: tuple[str, ...]) -> None:
    module.forward.check_arguments(names)


@pytest.mark.parametrize("names", [(), ("x", "weight"), ("x", "weight", "times", "axis")])
def test_arguments_that_do_not_fit_are_a_mistake_of_the_test(module: ProbeModule, names: tuple[str, ...]) -> None:
    with pytest.raises(TypeError, match=r"probe_linear.forward takes x, weight, bias, times, seed; got"):
        module.forward.check_arguments(names)


@pytest.mark.parametrize("signature", ["*x", "**options", "x, /", "x, *, y, **more"])
def test_a_probe_must_name_its_arguments(tmp_path: Path, signature: str) -> None:
    path = tmp_path / "probe_x.py"
    path.write_text(f"def forward({signature}):\n    return None\n", encoding="utf-8")
    with pytest.raises(TypeError, match=r"probe_x\.py:1: a probe must name its arguments"):
        ProbeModule(path, "x")


def test_the_probes_beside_the_calling_test_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = tmp_path / "part0_probes" / "tests"
    tests.mkdir(parents=True)
    (tests / "probe_linear.py").write_text(SOURCE, encoding="utf-8")
    (tests / "caller.py").write_text(
        "from autograder.testing import probes\nlinear = probes('linear')\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    caller = importlib.import_module("part0_probes.tests.caller")
    assert caller.linear.forward.module == "part0_probes.tests.probe_linear"
    assert "part0_probes.tests.probe_linear" not in sys.modules


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"must name a file beside the test; .*probe_nothing\.py is"):
        probes("nothing")
