"""Sound, and the features of it: WAV files, log-mel features, spoken digits, touch tones. Given.

Sounds are float32 arrays (samples,) between -1 and 1, times are in seconds, frequencies in Hz.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy import ndarray

SAMPLE_RATE = 8000
TRAINING_NUMBERS, TEST_NUMBERS = range(5, 50), range(5)  # the Free Spoken Digit Dataset's own split
_RECORDING = re.compile(r"(\d)_(\w+)_(\d+)\.wav")
LONGEST_GAP = 0.2  # seconds between two recordings
_PCM, _EXTENSIBLE = 1, 0xFFFE  # what a WAV file calls its format; an extensible one says it in a GUID that ends so:
_GUID_ENDING = bytes.fromhex("000000001000800000aa00389b71")
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
TONES = {digit: (_ROWS[(digit - 1) // 3], _COLUMNS[(digit - 1) % 3]) for digit in range(1, 10)} | {0: (941, 1336)}


# Features


def log_mel(
    sound: ndarray, sample_rate: int = SAMPLE_RATE, num_mels: int = 40, window: float = 0.025, hop: float = 0.010
) -> ndarray:
    """Compute the logarithm of the energy in each band of the mel scale, frame by frame.

    log(Σ_f mel[m, f] · |STFT[t, f]|² + 10⁻⁶), with a Hann window; the bands are triangles, evenly spaced in
    mel(f) = 2595 log₁₀(1 + f / 700)     (Davis and Mermelstein 1980).
    Shapes: sound (samples,), result (frames, num_mels) in float32, frames = 1 + (samples - window) // hop, at least 1.
    Raises ValueError for an empty sound.
    """
    if sound.ndim != 1 or sound.size == 0:
        raise ValueError(f"sound must be an array of samples, one at least; got shape {sound.shape}.")
    length, step = round(window * sample_rate), round(hop * sample_rate)
    sound = np.pad(sound, (0, max(0, length - len(sound))))
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[::step] * np.hanning(length).astype(np.float32)
    size = 2 ** int(np.ceil(np.log2(length)))
    energy = np.abs(np.fft.rfft(frames, size)) ** 2
    return np.log(energy @ mel_bands(sample_rate, num_mels, size).T + 1e-6).astype(np.float32)


@cache
def mel_bands(sample_rate: int, num_mels: int, size: int) -> ndarray:
    """Compute the weight of every frequency in every band.  Shape: (num_mels, size // 2 + 1)."""
    highest = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, num_mels + 2) / 2595) - 1)
    frequencies = np.linspace(0, sample_rate / 2, size // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def normalized(features: ndarray) -> ndarray:
    """Normalise an utterance to mean 0 and variance 1 in every band: loudness and microphone drop out."""
    centred = features - features.mean(axis=0)
    return centred / (centred.std(axis=0) + 1e-5)


def stacked(features: ndarray, count: int) -> ndarray:
    """Join every `count` frames into one, the last one filled up with zeros.

    Shapes: features (frames, bands), result (⌈frames / count⌉, count · bands).
    """
    frames, bands = features.shape
    padded = np.pad(features, ((0, -frames % count), (0, 0)))
    return padded.reshape(-1, count * bands)


# Files


def read_wav(path: Path | str) -> tuple[ndarray, int]:
    """Read the sound of a PCM WAV file, its channels averaged, and its sample rate.

    Raises FileNotFoundError, and ValueError that names the file for anything but 8, 16 or 32 bit PCM, and for a file
    that is broken or cut off.
    """
    try:
        chunks = wav_chunks(Path(path).read_bytes())
        channels, rate, width = pcm_format(chunks[b"fmt "][1])
    except ValueError as error:
        raise ValueError(f"{path} must be a PCM WAV file; got {error}.") from None
    if width not in (1, 2, 4):
        raise ValueError(f"{path} must hold 8, 16 or 32 bit samples; got {8 * width}.")
    size, data = chunks[b"data"]
    frames = size // (channels * width)
    data = data[: frames * channels * width]
    if len(data) != frames * channels * width:
        raise ValueError(f"{path} must be as long as its header says, {frames} frames; got {len(data)} bytes of sound.")
    samples = np.frombuffer(data, {1: "u1", 2: "<i2", 4: "<i4"}[width]).astype(np.float32)
    samples = samples / 2 ** (8 * width - 1) - (1 if width == 1 else 0)
    return samples.reshape(-1, channels).mean(axis=1, dtype=np.float32), rate


def wav_chunks(content: bytes) -> dict[bytes, tuple[int, bytes]]:
    """Find a WAV file's chunks up to its sound, by their names: how many bytes each says that it has, and those it has.

    The module `wave` reads no extensible header before Python 3.12.  Raises ValueError that says what is there instead.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("a file that does not begin with RIFF and WAVE")
    chunks: dict[bytes, tuple[int, bytes]] = {}
    at = 12
    while b"data" not in chunks and at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        chunks[name] = size, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2  # a chunk of odd length is padded
    for name in (b"fmt ", b"data"):
        if name not in chunks:
            raise ValueError(f"no {name.decode().strip()} chunk, or a broken one before it")
    return chunks


def pcm_format(header: bytes) -> tuple[int, int, int]:
    """Read channels, sample rate, and bytes to a sample.  Raises ValueError for another format than PCM."""
    if len(header) < 16:
        raise ValueError("one whose header is cut off")
    format_tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if format_tag == _EXTENSIBLE and header[26:40] == _GUID_ENDING:
        format_tag = int.from_bytes(header[24:26], "little")
    if format_tag != _PCM:
        raise ValueError(f"samples of format {format_tag:#06x}, where PCM is {_PCM:#06x}")
    if channels == 0 or bits == 0:
        raise ValueError(f"{channels} channels of {bits} bits")
    return channels, rate, (bits + 7) // 8


def read_sound(path: Path | str) -> ndarray:
    """Read the sound of a PCM WAV file.

    Raises as read_wav does, and ValueError for another sample rate than SAMPLE_RATE, and for no samples at all.
    """
    sound, rate = read_wav(path)
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path} must be sampled at {SAMPLE_RATE} Hz; got {rate}. Convert it first.")
    if len(sound) == 0:
        raise ValueError(f"{path} must hold at least one sample; got none. Move it elsewhere.")
    return sound


@lru_cache(maxsize=4)
def sounds(folder: Path, numbers: range = TRAINING_NUMBERS) -> dict[Path, ndarray]:
    """List the recordings of these numbers, by their files, `<digit>_<speaker>_<number>.wav`.

    What macOS leaves on other systems' disks, `._*.wav`, is no sound and is skipped.
    Raises FileNotFoundError if there is no such folder, ValueError if it holds no recording of one of these numbers,
    one that read_sound refuses, or a file of another name.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} must be a folder of <digit>_<speaker>_<number>.wav; there is none.")
    found: dict[Path, ndarray] = {}
    for path in sorted(folder.glob("*.wav")):
        if path.name.startswith("._"):
            continue
        name = _RECORDING.fullmatch(path.name)
        if name is None:
            raise ValueError(
                f"{path} must be named <digit>_<speaker>_<number>.wav; got {path.name}. Move it elsewhere."
            )
        if int(name[3]) in numbers:
            found[path] = read_sound(path)
    if not found:
        raise ValueError(
            f"{folder} must hold <digit>_<speaker>_<number>.wav of numbers {numbers.start} to {numbers.stop - 1}; "
            "got none."
        )
    return found


@lru_cache(maxsize=4)
def recordings(folder: Path, numbers: range = TRAINING_NUMBERS) -> dict[int, list[ndarray]]:
    """Read the recordings of each digit.  Raises as `sounds` does."""
    found: dict[int, list[ndarray]] = {}
    for path, sound in sounds(folder, numbers).items():
        found.setdefault(int(path.name[0]), []).append(sound)
    return found


# Utterances: a sound, and the digits that are said in it


def digit_strings(
    folder: Path | str, rng: np.random.Generator, numbers: range = TRAINING_NUMBERS, max_digits: int = 5
) -> Iterator[tuple[ndarray, list[int]]]:
    """Yield endless strings of 1 to max_digits spoken digits, with gaps of 0 to LONGEST_GAP between the recordings.

    Raises as `recordings` does.
    """
    found = recordings(Path(folder), numbers)
    said = sorted(found)
    while True:
        digits = [int(digit) for digit in rng.choice(said, rng.integers(1, max_digits + 1))]
        pieces = [_silence(rng, LONGEST_GAP)]
        for digit in digits:
            pieces += [found[digit][rng.integers(len(found[digit]))], _silence(rng, LONGEST_GAP)]
        yield np.concatenate(pieces), digits


def touch_tones(
    digits: Sequence[int], rng: np.random.Generator, lowest_snr: float = 0.0, highest_snr: float = 25.0
) -> ndarray:
    """Synthesise the dial tones of these digits: two tones each, of random length, loudness and pitch, in noise.

    The signal-to-noise ratio is drawn between lowest_snr and highest_snr, in decibels.  No digits: silence.
    Raises ValueError for a digit outside 0 to 9.
    """
    pieces = [_silence(rng, 0.1)]
    for digit in digits:
        if digit not in TONES:
            raise ValueError(f"digits must lie between 0 and 9; got {digit}.")
        time = np.arange(int(rng.uniform(0.06, 0.20) * SAMPLE_RATE)) / SAMPLE_RATE
        pitches = np.array(TONES[digit])[:, None] * rng.uniform(0.985, 1.015, (2, 1))
        waves = np.sin(2 * np.pi * (pitches * time + rng.random((2, 1))))
        tone = (rng.uniform(0.5, 1.0, (2, 1)) * waves).sum(axis=0)
        pieces += [tone.astype(np.float32), _silence(rng, 0.1, shortest=0.03)]
    sound = np.concatenate(pieces)
    if len(digits) == 0:
        return sound  # there is no loudness that the noise could be measured by
    snr = 10 ** (rng.uniform(lowest_snr, highest_snr) / 10)
    noise = rng.standard_normal(len(sound)) * np.sqrt(np.mean(sound**2) / snr)
    sound = (sound + noise).astype(np.float32)
    return sound / np.abs(sound).max()


def tone_strings(rng: np.random.Generator, max_digits: int = 8) -> Iterator[tuple[ndarray, list[int]]]:
    """Yield endless strings of 1 to max_digits dialled digits."""
    while True:
        digits = [int(digit) for digit in rng.integers(0, 10, rng.integers(1, max_digits + 1))]
        yield touch_tones(digits, rng), digits


def _silence(rng: np.random.Generator, longest: float, shortest: float = 0.0) -> ndarray:
    return np.zeros(int(rng.uniform(shortest, longest) * SAMPLE_RATE), np.float32)
