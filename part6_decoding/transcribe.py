"""Write down the digits that are said in WAV files: `python -m part6_decoding.transcribe CHECKPOINT FILE.wav`.

The checkpoint is one of train_asr, which transcribes what it was trained on: spoken digits, or touch tones.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from autograder.scripts import launch

MODULE = "part6_decoding.transcribe"
if __name__ == "__main__":
    launch.start(MODULE, needs=("torch", "rich"), threads=1)

import torch  # noqa: E402
from numpy import ndarray  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402

from autograder.scripts import endings, options  # noqa: E402
from part3_recurrent import features, utterances  # noqa: E402
from part5_transformers import train_asr  # noqa: E402
from part6_decoding import recognise  # noqa: E402


def read(path: Path) -> ndarray:
    """Compute the features of a file.  Raises OSError, and ValueError that names the file where that is impossible.

    Shape: (frames, bands).
    """
    sound = features.read_sound(path)
    seconds = len(sound) / features.SAMPLE_RATE
    if seconds > train_asr.LONGEST_SECONDS:
        raise ValueError(f"{path} must last up to {train_asr.LONGEST_SECONDS} seconds; got {seconds:.2f}.")
    return utterances.hear(sound, frames_joined=1)


@torch.no_grad()
def transcripts(checkpoint: Path, paths: Sequence[Path], names: Iterable[str]) -> list[dict[str, str]]:
    """Decode each file with each of these decoders: digits, or "nothing"."""
    model, _ = train_asr.load(checkpoint)
    found = []
    for frames in [read(path) for path in paths]:
        encoded = recognise.encode(model, torch.from_numpy(frames)[None], torch.tensor([len(frames)]))
        said = {name: recognise.DECODERS[name](model, encoded, train_asr.TOKENIZER) for name in names}
        found.append({name: train_asr.TOKENIZER.decode(labels) or "nothing" for name, (labels,) in said.items()})
    return found


def tested(checkpoint: Path, data: str | None, console: Console) -> None:
    """Print every decoder's errors on the test strings of train_asr."""
    model, config = train_asr.load(checkpoint)
    if data is not None:
        config = replace(config, data=data)
    utterances.read_all(config, train_asr.LONGEST_SECONDS, [features.TEST_NUMBERS])
    strings = utterances.held_out(config, "test")
    for name in track(recognise.DECODERS, "decoding", console=console, transient=True):
        digits, wrong = utterances.error_rates(
            strings, train_asr.decoded_by(recognise.DECODERS[name], model, config, strings)
        )
        shown = f"{utterances.percent(digits)} digit error, {utterances.percent(wrong)} of the strings wrong"
        console.print(f"{name:18}{shown}", soft_wrap=True)
    console.print(f"{len(strings)} strings")


# The command


def main() -> int:
    """Write down what is said. Exit code 130 after Ctrl-C, 2 for what cannot be used."""
    parser = options.Parser(MODULE, description="Write down the digits that are said in WAV files.")
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="last.pt of part5_transformers.train_asr")
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE.wav", help="a sound with one digit or several")
    decoders = parser.add_mutually_exclusive_group()
    decoders.add_argument(
        "--how", choices=recognise.DECODERS, default="joint", help="the decoder (default: joint, of CTC and attention)"
    )
    decoders.add_argument("--all", action="store_true", help="show what every decoder writes")
    decoders.add_argument(
        "--test", action="store_true", help="show every decoder's errors on the test strings of train_asr instead"
    )
    parser.add_argument(
        "--data", metavar="DIR", help="with --test: where the recordings are (default: where they were in training)"
    )
    given = parser.parse_args()
    if given.test == bool(given.files):
        parser.error("give FILE.wav or --test, and not both")

    def work(console: Console) -> int:
        if given.test:
            tested(given.checkpoint, given.data, console)
            return 0
        names = list(recognise.DECODERS) if given.all else [given.how]
        for path, said in zip(given.files, transcripts(given.checkpoint, given.files, names), strict=True):
            place = f"{path}  " if len(given.files) > 1 else ""
            for name, digits in said.items():
                console.print(f"{place}{f'{name:18}' if given.all else ''}{digits}", soft_wrap=True)
        return 0

    return endings.exit_code(MODULE, work)


if __name__ == "__main__":
    sys.exit(main())
