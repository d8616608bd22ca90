"""Renew the README's picture: a real run on the reference with one wrong sign, as rich draws it.

.venv/bin/python .github/picture.py        writes .github/run.png; needs Chromium and the font Fira Code
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from autograder.judge.candidate import WorkerCandidate  # noqa: E402
from autograder.judge.collection import collect  # noqa: E402
from autograder.judge.exercises import find_part  # noqa: E402
from autograder.judge.grading import grade  # noqa: E402
from autograder.judge.staging import make_stage  # noqa: E402
from autograder.judge.submission import in_place, reference  # noqa: E402
from autograder.reports import terminal  # noqa: E402

RIGHT, WRONG = b"unbroadcast_both(grad_output, -grad_output, a, b)", b"unbroadcast_both(grad_output, grad_output, a, b)"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    part = find_part("part1")
    submission = reference([part])
    source = submission.files[part.name]["functional.py"]
    assert isinstance(source, bytes)
    assert RIGHT in source, f"the reference must hold {RIGHT!r}"
    submission.files[part.name]["functional.py"] = source.replace(RIGHT, WRONG)
    with WorkerCandidate(part, make_stage(part, submission)) as candidate:
        result = grade(collect(part, seed=1), candidate, in_place([part]).label)
    console = Console(record=True, width=112, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    terminal.show(console, part, result, {}, {})
    _to_png(console.export_svg(title="python autograder/run.py part1"))


def _to_png(svg: str) -> None:
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if browser is None or size is None:
        sys.exit("run.png must be made with Chromium; none was found. Install it, and run this again.")
    width, height = (round(float(number)) for number in size.groups())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        local = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # the font is the system's, not one from afar
        page.write_text(f"<body style='margin:0;background:white'>{local}</body>", encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"]
        options += ["--disable-background-networking", "--no-first-run", f"--user-data-dir={folder}/profile"]
        shot = [f"--screenshot={HERE / 'run.png'}", f"--window-size={width},{height}", page.as_uri()]
        subprocess.run([browser, *options, *shot], check=True, capture_output=True)


if __name__ == "__main__":
    main()
