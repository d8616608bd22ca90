"""The benchmarks print their table and nothing beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PART = Path(__file__).resolve().parent.parent
ENVIRONMENT = os.environ | {"SFRATORCH_CODE": "solution", "PYTHONPATH": str(PART.parent)}

MEASURE_MEMORY = """
import torch
from part5_transformers.benchmarks import peak_of, training_step

model = torch.nn.Linear(1000, 10)
step = training_step(model, model.weight.T.__getitem__, torch.arange(6).view(2, 3))
print(peak_of(model, step), 4 * model.weight.numel())
"""


def test_the_profiler_measures_memory_without_a_word() -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "KINETO_LOG_LEVEL"}
    command = [sys.executable, "-c", MEASURE_MEMORY]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    peak, gradient = map(int, done.stdout.split())
    assert gradient < peak < 10 * gradient
