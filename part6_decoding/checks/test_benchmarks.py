"""Checks that the benchmark's two sides find the same, and that its command does what other parts' do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
ROW = {"work", "ours", "reference", "reference_name", "ratio", "must_reach", "aim_for", "better"}
WITHOUT_TRANSFORMERS = """
import importlib.util

found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "transformers" else found(name, *rest)
"""

TINY = """
import torch
from part6_decoding import benchmarks

sizes = {"num_layers": 2, "d_model": 16, "num_heads": 2, "d_ff": 32, "max_len": 24, "num_classes": 60}
"""
NEVER_ENDS = """
twins = benchmarks.twins(sizes, eos_bias=benchmarks.NEVER)
for batch in benchmarks.BATCHES:
    for search in benchmarks.SEARCHES:
        benchmarks.compare_search(search, *twins, batch, 4, 20)
        sequences, _ = benchmarks.our_search(search, twins[0], benchmarks.prompts_for(twins[1], batch, 4), 20)
        assert sequences.shape == (batch, 24) and not (sequences == benchmarks.EOS).any()
"""
ENDS_EARLY = """
lengths = set()
for bias in (0.0, benchmarks.SOON):
    twins = benchmarks.twins(benchmarks.SMALL, eos_bias=bias, sharpness=3.0)
    prompts = benchmarks.prompts_for(twins[1], 8, 4)
    for search in ("greedy", "beam 5"):
        benchmarks.compare_search(search, *twins, 8, 4, 40)
        sequences, _ = benchmarks.our_search(search, twins[0], prompts, 40)
        lengths |= {int((row != benchmarks.EOS).sum()) for row in sequences}
assert len(lengths) > 4 and max(lengths) == 44, lengths
"""
OTHER_WEIGHTS = """
ours, theirs = benchmarks.twins(sizes, eos_bias=benchmarks.NEVER)
with torch.no_grad():
    ours.dec_layers[1].ffn.ffn[3].weight[0] += 0.1
try:
    benchmarks.compare_search("greedy", ours, theirs, 1, 4, 4)
except AssertionError as error:
    assert "logits" in str(error)
else:
    raise AssertionError("other weights must be noticed")
"""
OTHER_SEQUENCES = """
ours, theirs = benchmarks.twins(sizes, eos_bias=benchmarks.NEVER)
search = benchmarks.our_search
benchmarks.our_search = lambda *arguments: (search(*arguments)[0] ^ 1, search(*arguments)[1])
try:
    benchmarks.compare_search("greedy", ours, theirs, 1, 4, 4)
except AssertionError as error:
    assert "sequences" in str(error)
else:
    raise AssertionError("other sequences must be noticed")
"""
PREFIXES = """
from part6_decoding.ctc_decoding import prefix_beam_decode

for width in (1, 3, 8):
    log_probs, lengths = benchmarks.utterance(12, 5)
    ours = prefix_beam_decode(log_probs, lengths, width)[0]
    theirs = benchmarks.dictionary_search(log_probs[:, 0].tolist(), width)
    benchmarks.compare_prefixes(ours, theirs)
try:
    benchmarks.compare_prefixes(ours, theirs[::-1])
except AssertionError:
    pass
else:
    raise AssertionError("another order must be noticed")
"""


def run(*command: str, folder: Path, **environment: str) -> str:
    """Run a command, and return what it prints; an error of the command is the test's."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=ENVIRONMENT | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(folder: Path, **environment: str) -> tuple[str, list[dict[str, Any]]]:
    """Run the benchmarks, and return what they print and the rows that they write."""
    said = run("-m", "part6_decoding.benchmarks", "--rounds", "1", "--json", "rows.json", folder=folder, **environment)
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    assert all(set(row) == ROW and row["ratio"] > 0 for row in rows)
    return said, rows


def test_both_searches_find_the_same_and_differences_are_noticed(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="run.py --install peers brings transformers")
    source = TINY + NEVER_ENDS + ENDS_EARLY + OTHER_WEIGHTS + OTHER_SEQUENCES  # in one process: its imports take long
    run("-c", source, folder=tmp_path)


def test_both_prefix_beams_find_the_same(tmp_path: Path) -> None:
    run("-c", TINY + PREFIXES, folder=tmp_path)


def test_help_says_what_is_measured(tmp_path: Path) -> None:
    said = run("-m", "part6_decoding.benchmarks", "--help", folder=tmp_path)
    assert "GPT-2" in said
    assert "--json" in said


def test_without_transformers_the_rest_is_measured_and_said(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TRANSFORMERS, encoding="utf-8")
    said, rows = measured(tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert "GPT-2 was left out: python autograder/run.py --install peers brings transformers." in said
    assert rows[0]["reference_name"] == "dictionaries"
    assert all(row["must_reach"] is None for row in rows)


@pytest.mark.slow
def test_with_transformers_every_search_has_its_rows(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="run.py --install peers brings transformers")
    _, rows = measured(tmp_path)
    assert [row["must_reach"] for row in rows[:7]] == [1.4] * 6 + [None]
