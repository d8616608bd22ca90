"""The given features: log-mel bands, WAV files, strings of spoken digits, and touch tones."""

from __future__ import annotations

import struct
import uuid
import warnings
import wave
from pathlib import Path

import numpy as np
import pytest

from part3_recurrent import features
from part3_recurrent.features import (
    SAMPLE_RATE,
    TONES,
    digit_strings,
    log_mel,
    normalized,
    read_wav,
    stacked,
    touch_tones,
)

SECOND = np.arange(SAMPLE_RATE) / SAMPLE_RATE


def tone(frequency: float) -> np.ndarray:
    """Make a pure tone of one second."""
    return np.sin(2 * np.pi * frequency * SECOND).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, width: int = 2, rate: int = SAMPLE_RATE) -> Path:
    """Write a file with these samples (frames,) or (frames, channels), given as integers of so many bytes."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.astype({1: "u1", 2: "<i2", 4: "<i4"}[width]).tobytes())
    return path


# Features


@pytest.mark.parametrize("frequency", [200, 500, 1000, 2000, 3500])
def test_a_pure_tone_is_loudest_in_the_band_around_it(frequency: float) -> None:
    edges = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), 42)
    position = np.interp(2595 * np.log10(1 + frequency / 700), edges, np.arange(42)) - 1
    loudest = log_mel(tone(frequency)).argmax(axis=1)
    assert (np.abs(loudest - position) < 1).all()


def test_far_from_a_tone_there_is_nearly_nothing() -> None:
    energy = np.exp(log_mel(tone(1000)))
    assert (energy[:, 35:].max(axis=1) < 1e-4 * energy.max(axis=1)).all()


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (199, 1), (200, 1), (279, 1), (280, 2), (8000, 98)])
def test_frames_are_counted_by_windows_that_fit(samples: int, frames: int) -> None:
    result = log_mel(tone(440)[:samples])
    assert result.shape == (frames, 40)
    assert result.dtype == np.float32


def test_the_window_and_the_hop_follow_the_sample_rate() -> None:
    assert log_mel(tone(440), sample_rate=16000, num_mels=23).shape == (1 + (8000 - 400) // 160, 23)
    assert log_mel(tone(440), window=0.05, hop=0.02).shape == (1 + (8000 - 400) // 160, 40)


def test_silence_is_finite() -> None:
    assert np.allclose(log_mel(np.zeros(400, np.float32)), np.log(1e-6))


@pytest.mark.parametrize("shape", [(0,), (100, 2), ()])
def test_what_is_no_sound_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="sound must be an array of samples"):
        log_mel(np.zeros(shape, np.float32))


def test_normalized_bands_have_mean_0_and_variance_1() -> None:
    bands = np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32)
    result = normalized(bands)
    assert result.dtype == np.float32
    assert np.allclose(result.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(result.std(axis=0), 1, atol=1e-3)
    assert np.allclose(normalized(bands + 7), result, atol=1e-4)


def test_a_constant_band_is_normalized_to_0() -> None:
    assert (normalized(np.full((5, 2), 3, np.float32)) == 0).all()


def test_stacked_frames_stand_side_by_side_and_the_last_are_filled_with_zeros() -> None:
    frames = np.arange(1, 11, dtype=np.float32).reshape(5, 2)
    assert stacked(frames, 2).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 0, 0]]
    assert stacked(frames, 5).tolist() == [list(range(1, 11))]
    assert stacked(frames, 1).tolist() == frames.tolist()
    assert stacked(frames, 2).dtype == np.float32


# Files


@pytest.mark.parametrize(
    ("width", "samples"),
    [
        (1, [0, 64, 128, 192]),
        (2, [-(2**15), -(2**14), 0, 2**14]),
        (4, [-(2**31), -(2**30), 0, 2**30]),
    ],
)
def test_samples_of_every_width_lie_between_minus_1_and_1(tmp_path: Path, width: int, samples: list[int]) -> None:
    sound, rate = read_wav(write_wav(tmp_path / "sound.wav", np.array(samples), width, rate=11025))
    assert rate == 11025
    assert sound.dtype == np.float32
    assert sound.tolist() == [-1, -0.5, 0, 0.5]


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.array([[2**14, 0], [2**14, 2**14], [-(2**14), 2**14]])
    sound, _ = read_wav(str(write_wav(tmp_path / "stereo.wav", stereo)))
    assert sound.tolist() == [0.25, 0.5, 0]


def test_a_file_without_samples_is_an_empty_sound(tmp_path: Path) -> None:
    assert read_wav(write_wav(tmp_path / "silent.wav", np.zeros(0)))[0].shape == (0,)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound, but text that is long enough", b"RIFF\x04\0\0\0WAVE"])
def test_what_is_no_wav_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"text\.wav must be a PCM WAV file; got \w"):
        read_wav(path)


@pytest.mark.parametrize("length", [10, 20, 30, 40])
def test_a_file_that_ends_within_its_header_is_refused_by_name(tmp_path: Path, length: int) -> None:
    path = write_wav(tmp_path / "short.wav", np.zeros(10))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"short\.wav must be a PCM WAV file; got \w"):
        read_wav(path)


@pytest.mark.parametrize("length", [44, 45, 46, 47, 48, 83])
def test_a_file_that_ends_within_its_sound_is_refused_by_name(tmp_path: Path, length: int) -> None:
    path = write_wav(tmp_path / "short.wav", np.zeros((10, 2)))
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"short\.wav must be as long as its header says, 10 frames"):
        read_wav(path)


def test_24_bit_samples_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "studio.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(bytes(9))
    with pytest.raises(ValueError, match=r"studio\.wav must hold 8, 16 or 32 bit samples; got 24"):
        read_wav(path)


def riff(*chunks: bytes) -> bytes:
    """Write a WAV file of these chunks."""
    content = b"".join([b"WAVE", *chunks])
    return b"RIFF" + struct.pack("<I", len(content)) + content


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def header(format_tag: int, bits: int = 16) -> bytes:
    """Pack a chunk `fmt ` of one channel."""
    return struct.pack("<HHIIHH", format_tag, 1, SAMPLE_RATE, bits // 8 * SAMPLE_RATE, bits // 8, bits)


def extensible(format_tag: int, bits: int = 16) -> bytes:
    """Pack it with the format as the Windows headers' KSDATAFORMAT_SUBTYPE_PCM and its like."""
    guid = uuid.UUID(f"{format_tag:08x}-0000-0010-8000-00aa00389b71")
    return header(0xFFFE, bits) + struct.pack("<HHI", 22, bits, 4) + guid.bytes_le


@pytest.mark.parametrize("form", [header(3, 32), extensible(3, 32), header(6, 8), header(0xFFFE)])
def test_what_is_not_pcm_is_refused_by_name(tmp_path: Path, form: bytes) -> None:
    path = tmp_path / "floats.wav"
    path.write_bytes(riff(chunk(b"fmt ", form), chunk(b"data", struct.pack("<f", 0.5))))
    with pytest.raises(ValueError, match=r"floats\.wav must be a PCM WAV file; got samples of format 0x"):
        read_wav(path)


@pytest.mark.parametrize("form", [header(1), extensible(1)])
def test_pcm_is_read_whatever_the_header_and_the_chunks_around_it(tmp_path: Path, form: bytes) -> None:
    path = tmp_path / "sound.wav"
    note, sound = chunk(b"LIST", b"odd") + b"\0", chunk(b"data", struct.pack("<3h", 2**14, 0, -(2**14)))
    path.write_bytes(riff(note, chunk(b"fmt ", form), note, sound, note))
    assert read_wav(path)[0].tolist() == [0.5, 0, -0.5]


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"fmt ", header(1)), chunk(b"LIST", b"odd"), chunk(b"data", bytes(20))],  # not padded
        [chunk(b"fmt ", header(1)), b"LIST\xff\xff\xff\xff", chunk(b"data", bytes(20))],
        [chunk(b"fmt ", header(1)[:12]), chunk(b"data", bytes(20))],
        [chunk(b"data", bytes(20)), chunk(b"fmt ", header(1))],
        [chunk(b"fmt ", struct.pack("<HHIIHH", 1, 0, 8000, 0, 0, 16)), chunk(b"data", bytes(20))],
    ],
    ids=["not padded", "too long", "header", "order", "no channels"],
)
def test_broken_chunks_are_refused_by_name(tmp_path: Path, chunks: list[bytes]) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(riff(*chunks))
    with pytest.raises(ValueError, match=r"broken\.wav must be a PCM WAV file; got \w"):
        read_wav(path)


def refusal(path: Path) -> str | None:
    """Return the error of reading a file; None if it is read."""
    try:
        read_wav(path)
    except ValueError as error:
        return str(error)
    return None


def test_any_damage_is_a_value_error_with_the_name(tmp_path: Path) -> None:
    path, rng = tmp_path / "damaged.wav", np.random.default_rng(0)
    whole = riff(chunk(b"LIST", b"note"), chunk(b"fmt ", extensible(1)), chunk(b"data", bytes(30)))
    for _ in range(2000):
        content = bytearray(whole[: rng.integers(len(whole) + 1)])
        for place in rng.integers(0, max(1, len(content)), rng.integers(3)):
            content[place : place + 1] = rng.bytes(1)
        path.write_bytes(content)
        said = refusal(path)
        assert said is None or said.startswith(f"{path} must "), said


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.wav"):
        read_wav(tmp_path / "missing.wav")


# Spoken digits


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """Make a folder in which two speakers say 0 to 9 six times: ten equal samples, louder from digit to digit."""
    for digit in range(10):
        for speaker in ("ann", "bob_2"):
            for number in range(6):
                write_wav(tmp_path / f"{digit}_{speaker}_{number}.wav", np.full(10, (digit + 1) * 2**11))
    return tmp_path


def heard(sound: np.ndarray) -> list[int]:
    """Find the digits in a string of such recordings: where the sound is not silent, its loudness names them."""
    loud = np.rint(sound[sound != 0] * 16 - 1).astype(int)
    return loud[::10].tolist()


def test_a_string_says_the_digits_of_its_label(spoken: Path) -> None:
    strings = digit_strings(spoken, np.random.default_rng(0), max_digits=3)
    pairs = [next(strings) for _ in range(100)]
    assert all(heard(sound) == digits and sound.dtype == np.float32 for sound, digits in pairs)
    assert {len(digits) for _, digits in pairs} == {1, 2, 3}
    assert {digit for _, digits in pairs for digit in digits} == set(range(10))


def test_the_gaps_last_a_fifth_of_a_second_at_most(spoken: Path) -> None:
    strings = digit_strings(spoken, np.random.default_rng(0))
    for _ in range(50):
        sound, digits = next(strings)
        assert len(sound) - 10 * len(digits) < 0.2 * SAMPLE_RATE * (len(digits) + 1)


def test_the_same_rng_gives_the_same_strings(spoken: Path) -> None:
    one, same, other = (digit_strings(str(spoken), np.random.default_rng(seed)) for seed in (1, 1, 2))
    texts = []
    for _ in range(10):
        (sound, digits), (same_sound, same_digits), (_, other_digits) = next(one), next(same), next(other)
        assert np.array_equal(sound, same_sound)
        assert digits == same_digits
        texts.append(digits == other_digits)
    assert not all(texts)


def test_recordings_are_chosen_by_their_numbers(spoken: Path) -> None:
    training, test = (features.recordings(spoken, numbers) for numbers in (range(5, 50), range(5)))
    assert {digit: len(sounds) for digit, sounds in training.items()} == dict.fromkeys(range(10), 2)
    assert {digit: len(sounds) for digit, sounds in test.items()} == dict.fromkeys(range(10), 10)


def test_another_sample_rate_is_refused_by_name(tmp_path: Path) -> None:
    write_wav(tmp_path / "3_ann_5.wav", np.zeros(10), rate=16000)
    with pytest.raises(ValueError, match=r"3_ann_5\.wav must be sampled at 8000 Hz; got 16000"):
        next(digit_strings(tmp_path, np.random.default_rng(0)))


def test_another_name_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "hello.wav", np.zeros(10))
    with pytest.raises(ValueError, match=r"hello\.wav must be named <digit>_<speaker>_<number>\.wav"):
        features.recordings(tmp_path)


def test_a_recording_without_samples_is_refused_by_name(tmp_path: Path) -> None:
    write_wav(tmp_path / "3_ann_5.wav", np.zeros(0))
    with pytest.raises(ValueError, match=r"3_ann_5\.wav must hold at least one sample; got none"):
        features.recordings(tmp_path)


def test_what_macos_leaves_is_skipped(spoken: Path) -> None:
    (spoken / "._3_ann_5.wav").write_bytes(b"\0\5\x16\7")
    assert "._3_ann_5.wav" not in {path.name for path in features.sounds(spoken, range(6))}


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "3_ann_4.wav", np.zeros(10))
    with pytest.raises(ValueError, match=r"of numbers 5 to 49; got none"):
        next(digit_strings(tmp_path, np.random.default_rng(0)))


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere must be a folder"):
        next(digit_strings(tmp_path / "nowhere", np.random.default_rng(0)))


# Touch tones


def strongest_two(sound: np.ndarray) -> list[float]:
    """Find the frequency of the strongest part of the spectrum, and of the strongest 100 Hz away from it, in order."""
    spectrum, frequencies = np.abs(np.fft.rfft(sound)), np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    first = frequencies[spectrum.argmax()]
    second = frequencies[np.where(np.abs(frequencies - first) < 100, 0, spectrum).argmax()]
    return sorted([first, second])


@pytest.mark.parametrize("digit", range(10))
def test_a_digit_has_its_two_frequencies(digit: int) -> None:
    for seed in range(20):
        sound = touch_tones([digit], np.random.default_rng(seed), lowest_snr=40, highest_snr=40)
        assert strongest_two(sound) == pytest.approx(TONES[digit], rel=0.03)


def test_the_tones_are_those_of_a_telephone() -> None:
    keys = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    for row, frequency in zip(keys, (697, 770, 852), strict=True):
        assert [TONES[digit] for digit in row] == [(frequency, 1209), (frequency, 1336), (frequency, 1477)]
    assert TONES[0] == (941, 1336)


def test_a_dialled_number_fills_the_range_in_float32() -> None:
    sound = touch_tones([1, 2, 3], np.random.default_rng(0))
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == 1
    assert 3 * (0.06 + 0.03) * SAMPLE_RATE - 6 < len(sound) < (0.1 + 3 * (0.2 + 0.1)) * SAMPLE_RATE


def test_the_noise_follows_the_ratio() -> None:
    clean, noisy = (touch_tones([5] * 8, np.random.default_rng(0), snr, snr) for snr in (100, 6))
    scale = np.vdot(noisy, clean) / np.vdot(clean, clean)
    noise = noisy - scale * clean
    assert 10 * np.log10(np.mean((scale * clean) ** 2) / np.mean(noise**2)) == pytest.approx(6, abs=0.3)


def test_the_same_rng_dials_the_same() -> None:
    one, same, other = (touch_tones([4, 2], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_no_digits_are_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sounds = [touch_tones([], np.random.default_rng(seed)) for seed in range(2000)]
    assert all(sound.dtype == np.float32 and not sound.any() for sound in sounds)
    assert min(len(sound) for sound in sounds) == 0  # where a mean would warn


@pytest.mark.parametrize("digit", [10, -1])
def test_what_is_no_digit_is_refused(digit: int) -> None:
    with pytest.raises(ValueError, match=rf"digits must lie between 0 and 9; got {digit}"):
        touch_tones([1, digit], np.random.default_rng(0))


def test_tone_strings_are_as_long_as_they_may_be() -> None:
    strings, same = (features.tone_strings(np.random.default_rng(0), max_digits=3) for _ in range(2))
    pairs = [next(strings) for _ in range(60)]
    assert {len(digits) for _, digits in pairs} == {1, 2, 3}
    assert {digit for _, digits in pairs for digit in digits} == set(range(10))
    assert all(next(same)[1] == digits for _, digits in pairs)
