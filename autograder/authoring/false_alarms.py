"""The proof that a right solution is never marked wrong: the reference over many seeds.

    python -m autograder.authoring.false_alarms [part2 ...] [--seeds 100]

Finished seeds stand in `false_alarms.json` beside this file, from which the next run goes on; a part whose reference,
tests or rules have changed since begins anew.  Ctrl-C keeps what is finished.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import track
from rich.table import Table

from autograder.atomic_files import write_whole
from autograder.judge.candidate import WorkerCandidate
from autograder.judge.collection import collect
from autograder.judge.exercises import Part, find_part, find_parts
from autograder.judge.grading import grade
from autograder.judge.outcomes import PASSED
from autograder.judge.staging import make_stage
from autograder.judge.submission import reference
from autograder.scripts.showing import plain_console

FINISHED = Path(__file__).with_name("false_alarms.json")
SEEDS = 100


class Proof(msgspec.Struct):
    """The seeds with which a part's reference earned everything, when the last of them did, and what was graded."""

    digest: str
    date: str = ""
    seeds: list[int] = []


def load(path: Path = FINISHED) -> dict[str, Proof]:
    """Read what is finished."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Proof]) if path.exists() else {}


def left(part: Part, seeds: int, proofs: dict[str, Proof]) -> list[int]:
    """Name the seeds that are still to be shown; begin anew where the part has changed."""
    digest = digest_of(part)
    proof = proofs.get(part.name)
    if proof is None or proof.digest != digest:
        proof = proofs[part.name] = Proof(digest)
    return [seed for seed in range(seeds) if seed not in proof.seeds]


def digest_of(part: Part) -> str:
    """Digest the reference, the tests, what is given and the rules."""
    content = hashlib.sha256()
    paths = [*part.folder.glob("solution/*.py"), *part.folder.glob("tests/*.py"), part.folder / "part.toml"]
    for path in sorted([*paths, *(part.folder / name for name in part.given if not name.startswith("train_"))]):
        content.update(path.relative_to(part.folder).as_posix().encode() + path.read_bytes())
    return content.hexdigest()


def alarms(part: Part, seed: int) -> list[str]:
    """Grade the reference with this seed, and say what it does not pass."""
    with WorkerCandidate(part, make_stage(part, reference(find_parts(part.folder.parent)))) as candidate:
        result = grade(collect(part, seed), candidate, "solution")
    tests = (test for exercise in result.exercises for test in exercise.tests)
    return [f"{part.name}, seed {seed}: {test.id}: {test.message}" for test in tests if test.outcome != PASSED]


def prove(work: Sequence[tuple[Part, int]], proofs: dict[str, Proof], path: Path = FINISHED) -> Iterable[str]:
    """Grade on all cores; write down each seed that is finished, and yield every alarm."""
    console = plain_console(stderr=True)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(alarms, part, seed): (part, seed) for part, seed in work}
        try:
            for future in track(
                as_completed(futures), "seeds", len(futures), console=console, disable=not console.is_terminal
            ):
                part, seed = futures[future]
                if found := future.result():
                    yield from found
                else:
                    proof = proofs[part.name]
                    proof.seeds, proof.date = sorted([*proof.seeds, seed]), time.strftime("%Y-%m-%d")
                    write_whole(path, msgspec.json.format(msgspec.json.encode(proofs)) + b"\n")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def table(proofs: dict[str, Proof]) -> Table:
    """Show how many seeds are finished, by part."""
    table = Table("part", "seeds without a false alarm", "until")
    for name, proof in sorted(proofs.items()):
        table.add_row(name, str(len(proof.seeds)), proof.date)
    return table


def main(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PART]...", help="Such as part2; all where none is named.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds are to be shown in all, from 0 on.", min=1)] = SEEDS,
) -> None:
    """Show over many seeds that the reference earns everything."""
    parts, proofs = [find_part(name) for name in names] if names else find_parts(), load()
    work = [(part, seed) for part in parts for seed in left(part, seeds, proofs)]
    found = 0
    for alarm in prove(work, proofs):
        print(alarm, flush=True)
        found += 1
    plain_console().print(table(proofs))
    raise typer.Exit(1 if found else 0)


if __name__ == "__main__":
    typer.run(main)
