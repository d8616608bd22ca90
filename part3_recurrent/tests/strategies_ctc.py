"""Problems of CTC: distributions over symbols for every frame, and targets that they may spell.

All log-probabilities are those of a log-softmax, so that torch's gradient of its input can be had.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers

SINGLE_NUMBERS: tuple[Problem, ...] = ({}, {"reduction": "sum"}, {"reduction": "mean"})
MEAN: tuple[Problem, ...] = ({}, {"reduction": "mean"})
SINGLE_LOSSES: tuple[Problem, ...] = ({"reduction": "none"},)
REDUCTIONS = SINGLE_NUMBERS + SINGLE_LOSSES
# The upstream gradient of a single number: 256 is a loss scale, None leaves it to the default.
GRADIENTS = st.sampled_from([1.0, 2.0, None, 0.1, -1.5, 256.0])
LENGTHS = st.sampled_from([2, 3, 1, 4, 5, 6])
FEW, SOME = st.sampled_from([1, 2, 3, 2, 3]), st.sampled_from([1, 2, 3, 2, 5])
NONE = st.just(0)  # for edge cases alone
LONG_FRAMES, LONG_CLASSES, LONG_LABELS = 2000, 6, 12

# One example


@st.composite
def targets(draw: Draw, lengths: st.SearchStrategy[int] = LENGTHS) -> Problem:
    """Draw a target, in which labels may repeat, and a blank that is none of its labels."""
    classes = draw(st.sampled_from([3, 2, 4, 6]))
    blank = draw(st.integers(0, classes - 1))
    return {"target": labels(draw, (draw(lengths),), classes, blank), "blank": blank}


@st.composite
def examples(
    draw: Draw,
    lengths: st.SearchStrategy[int] = FEW,
    classes: tuple[int, ...] = (3, 2, 3),
    most_frames: int = 5,
    spare_frames: int = 0,
) -> Problem:
    """Draw a target, and as many frames as it needs, or more.  With the defaults, few enough to try every path."""
    count = draw(st.sampled_from(classes))
    blank = draw(st.integers(0, count - 1))
    target = labels(draw, (draw(lengths),), count, blank)
    least = max(1, needed_frames(target)) + spare_frames
    frames = draw(st.sampled_from([*range(least, most_frames + 1), most_frames]))
    return {"log_probs": log_distributions(draw, (frames, count), draw(DTYPES)), "target": target, "blank": blank}


def wide_examples(spare_frames: int = 0) -> st.SearchStrategy[Problem]:
    """Draw more frames, labels and symbols than can be tried path by path."""
    return examples(SOME, classes=(3, 2, 4, 5), most_frames=12, spare_frames=spare_frames)


@st.composite
def infeasible_examples(draw: Draw) -> Problem:
    """Draw a target that needs at least one frame more than there are."""
    problem = draw(examples())
    log_probs, blank = problem["log_probs"], problem["blank"]
    target = labels(draw, (len(log_probs) + draw(st.integers(1, 2)),), log_probs.shape[1], blank)
    return {**problem, "target": target}


@st.composite
def with_impossible_symbols(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Make some symbols of the problem impossible at some frames: their log-probability is -inf."""
    problem = draw(problems)
    log_probs = problem["log_probs"]
    is_impossible = integers(draw, log_probs.shape, 0, 4) == 1
    is_impossible.flat[draw(st.integers(0, log_probs.size - 1))] = True
    is_impossible &= ~is_impossible.all(axis=-1, keepdims=True)
    return {**problem, "log_probs": log_softmax(np.where(is_impossible, -np.inf, log_probs))}


def long_example(dtype: str) -> Problem:
    """Make 2000 frames of noise and a short target, whose probability is below the smallest number of either dtype."""
    rng = np.random.default_rng(2000)
    logits = 2 * rng.standard_normal((LONG_FRAMES, LONG_CLASSES))
    target = rng.integers(1, LONG_CLASSES, LONG_LABELS)
    return {"log_probs": log_softmax(logits).astype(dtype), "target": target, "blank": 0}


# A batch for the loss


@st.composite
def batches(
    draw: Draw,
    is_concatenated: bool = False,
    reductions: tuple[Problem, ...] = REDUCTIONS,
    least_labels: int = 1,
    most_labels: int = 3,
    most_batch: int = 3,
    least_batch: int = 1,
) -> Problem:
    """Draw examples with lengths of their own, each with frames enough for its target, and the options of the loss.

    Frames after an example's end and labels after a target's hold other values.
    """
    classes, batch = (
        draw(st.sampled_from([3, 2, 3] if most_labels < 3 else [3, 2, 4])),
        draw(st.integers(least_batch, most_batch)),
    )
    blank = draw(st.integers(0, classes - 1))
    target_lengths = integers(draw, (batch,), least_labels, most_labels + 1)
    padded = labels(draw, (batch, int(target_lengths.max()) + draw(st.integers(0, 1))), classes, blank)
    input_lengths = frames_for(padded, target_lengths) + integers(draw, (batch,), 0, 3)
    shape = (int(input_lengths.max()) + draw(st.integers(0, 1)), batch, classes)
    return {
        "log_probs": log_distributions(draw, shape, draw(DTYPES)),
        "targets": concatenated(padded, target_lengths) if is_concatenated else padded,
        "input_lengths": input_lengths,
        "target_lengths": target_lengths,
        "options": {**draw(st.sampled_from(reductions)), **({"blank": blank} if blank else {})},
    }


def tiny_batches() -> st.SearchStrategy[Problem]:
    """Draw batches small enough to try every path."""
    return batches(most_labels=2, most_batch=2)


@st.composite
def batches_with_empty_targets(draw: Draw) -> Problem:
    """Draw batches in which one target at least is empty, padded or one after another."""
    problem = draw(batches())
    targets, lengths = problem["targets"], np.where(some(draw, problem), 0, problem["target_lengths"])
    # Padded to the longest, or as they were: then a row of labels belongs to no target.
    padded = targets[:, : lengths.max()] if draw(st.booleans()) else targets
    chosen = concatenated(targets, lengths) if draw(st.booleans()) else padded
    return {**problem, "targets": chosen, "target_lengths": lengths}


@st.composite
def infeasible_batches(draw: Draw, reductions: tuple[Problem, ...] = REDUCTIONS) -> Problem:
    """Draw batches in which one target at least is too long for its frames, with and without zero_infinity."""
    problem = draw(batches(reductions=reductions, least_labels=2))
    targets, lengths = problem["targets"], problem["target_lengths"]
    frames = np.where(some(draw, problem), frames_for(targets, lengths) - 1, problem["input_lengths"])
    chosen = concatenated(targets, lengths) if draw(st.booleans()) else targets
    return {**problem, "targets": chosen, "input_lengths": frames, "options": with_zero_infinity(draw, problem)}


@st.composite
def partly_infeasible_batches(draw: Draw) -> Problem:
    """Draw batches for "mean" with zero_infinity, in which one target is too long for its frames and another is not."""
    problem = draw(batches(reductions=MEAN, least_labels=2, least_batch=2))
    frames = problem["input_lengths"].copy()
    frames[0] = frames_for(problem["targets"], problem["target_lengths"])[0] - 1
    return {**problem, "input_lengths": frames, "options": {**problem["options"], "zero_infinity": True}}


@st.composite
def batches_with_no_frames(draw: Draw) -> Problem:
    """Draw batches in which one example at least has no frame, with and without zero_infinity."""
    problem = draw(batches())
    frames = np.where(some(draw, problem), 0, problem["input_lengths"])
    return {**problem, "input_lengths": frames, "options": with_zero_infinity(draw, problem)}


@st.composite
def batches_of_nothing(draw: Draw) -> Problem:
    """Draw batches in which one example at least has neither a frame nor a label."""
    problem = draw(batches())
    is_nothing = some(draw, problem)
    lengths = {name: np.where(is_nothing, 0, problem[name]) for name in ("input_lengths", "target_lengths")}
    return {**problem, **lengths}


def some(draw: Draw, problem: Problem) -> np.ndarray:
    """Choose some examples of a batch, one at least."""
    batch = problem["log_probs"].shape[1]
    chosen = array(draw, (batch,), "rarely", "bool")
    chosen[draw(st.integers(0, batch - 1))] = True
    return chosen


def with_zero_infinity(draw: Draw, problem: Problem) -> Problem:
    """Draw the options of the loss, perhaps with zero_infinity."""
    return {**problem["options"], **draw(st.sampled_from([{"zero_infinity": True}, {}]))}


@st.composite
def with_gradients(draw: Draw, problems: st.SearchStrategy[Problem]) -> Problem:
    """Add the upstream gradient to the problem: one number for each loss, or for a single loss a number or None."""
    problem = draw(problems)
    batch, dtype = problem["log_probs"].shape[1], problem["log_probs"].dtype
    if problem["options"].get("reduction") == "none":
        return {**problem, "grad_output": array(draw, (batch,), dtype=dtype.name)}
    number = draw(GRADIENTS)
    is_array = number is not None and draw(st.booleans())
    return {**problem, "grad_output": np.asarray(number, dtype) if is_array else number}


def with_other_padding(problem: Problem, log_prob: float) -> Problem:
    """Replace what follows each example's frames by this log-probability, and what follows its labels by -1."""
    log_probs, labels = problem["log_probs"], problem["targets"]
    is_frame = np.arange(len(log_probs))[:, None] < problem["input_lengths"]  # (t, b)
    is_label = np.arange(labels.shape[1]) < problem["target_lengths"][:, None]
    return {
        **problem,
        "log_probs": np.where(is_frame[..., None], log_probs, log_probs.dtype.type(log_prob)),
        "targets": np.where(is_label, labels, -1),
    }


@st.composite
def refused_batches(draw: Draw) -> Problem:
    """Draw arguments that CTCLoss must refuse, and the error for them."""
    problem = draw(batches())
    log_probs, targets, options = problem["log_probs"], problem["targets"], problem["options"]
    frames, lengths, blank = problem["input_lengths"], problem["target_lengths"], options.get("blank", 0)
    rows = concatenated(targets, lengths)
    change, error = draw(
        st.sampled_from(
            [
                ({"targets": with_first(targets, blank)}, "ValueError"),
                ({"targets": with_first(targets, log_probs.shape[2])}, "ValueError"),
                ({"targets": with_first(targets, -1)}, "ValueError"),
                ({"targets": targets.astype(np.float64)}, "TypeError"),
                ({"targets": targets[:, None]}, "ValueError"),
                ({"targets": np.concatenate([targets, targets])}, "ValueError"),
                ({"targets": np.append(rows, rows[0])}, "ValueError"),
                ({"log_probs": log_probs.astype(np.int64)}, "TypeError"),
                ({"log_probs": log_probs[:, 0]}, "ValueError"),
                ({"input_lengths": with_first(frames, -1)}, "ValueError"),
                ({"input_lengths": with_first(frames, len(log_probs) + 1)}, "ValueError"),
                ({"input_lengths": np.append(frames, 1)}, "ValueError"),
                ({"target_lengths": with_first(lengths, -1)}, "ValueError"),
                ({"target_lengths": with_first(lengths, targets.shape[1] + 1)}, "ValueError"),
                ({"target_lengths": np.append(lengths, 1)}, "ValueError"),
                ({"options": {**options, "reduction": "average"}}, "ValueError"),
                ({"options": {**options, "blank": -1}}, "ValueError"),
            ]
        )
    )
    return {"problem": {**problem, **change}, "error": error}


@st.composite
def empty_batches(draw: Draw) -> Problem:
    """Draw the arguments of forward for no example at all."""
    problem, nothing = draw(batches()), np.zeros(0, dtype=np.int64)
    return {
        "log_probs": problem["log_probs"][:, :0],
        "targets": problem["targets"][:0] if draw(st.booleans()) else nothing,
        "input_lengths": nothing,
        "target_lengths": nothing,
        "options": problem["options"],
    }


def long_batch(dtype: str) -> Problem:
    """Make the long example a batch of one."""
    problem = long_example(dtype)
    return {
        "log_probs": problem["log_probs"][:, None],
        "targets": problem["target"],
        "input_lengths": np.array([LONG_FRAMES]),
        "target_lengths": np.array([LONG_LABELS]),
        "options": {"reduction": "sum"},
    }


# What they consist of


def log_distributions(draw: Draw, shape: Shape, dtype: str) -> np.ndarray:
    """Draw the logarithms of a distribution over the last axis, and of different ones along the others."""
    return log_softmax(array(draw, shape)).astype(dtype)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Shift logits so that their exponentials sum to one along the last axis."""
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def labels(draw: Draw, shape: Shape, classes: int, blank: int) -> np.ndarray:
    """Draw symbols that are not the blank."""
    numbers = integers(draw, shape, 0, classes - 1)
    return numbers + (numbers >= blank)


def needed_frames(target: np.ndarray) -> int:
    """Count the frames that a target takes: one for each label, and one for the blank between two equal ones."""
    return len(target) + int((target[1:] == target[:-1]).sum())


def frames_for(padded: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Count the frames that each of the padded targets takes."""
    return np.array([needed_frames(row[:length]) for row, length in zip(padded, lengths, strict=True)])


def concatenated(padded: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Join the targets without their padding."""
    return np.concatenate([row[:length] for row, length in zip(padded, lengths, strict=True)])


def with_first(numbers: np.ndarray, number: int) -> np.ndarray:
    """Copy an array, so that it begins with this number."""
    changed = numbers.copy()
    changed.flat[0] = number
    return changed
