"""CTC by trying every path, and torch's CTC; and what known mistakes would give.

A path names a symbol for each frame.  Its state at a frame is known from what it has spelled until then: after k labels
it stands at 2k on a blank, at 2k - 1 on the k-th label.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array

Path = tuple[int, ...]
Gradient = Array | float | None

# One example, path by path


@truth
def extend(target: Sequence[int] | Array, blank: int) -> Answer:
    extended = [blank, *itertools.chain.from_iterable((int(label), blank) for label in target)]
    # A walk may skip a state if the two around it spell what all three do.
    triples = [extended[max(0, s - 2) : s + 1] for s in range(len(extended))]
    can_skip = [len(triple) == 3 and spelled(triple[::2], blank) == spelled(triple, blank) for triple in triples]
    return {"extended": np.array(extended, dtype=np.int64), "can_skip": np.array(can_skip)}


@truth
def alpha(log_probs: Array, target: Array, blank: int) -> Answer:
    return {"log_alpha": _alpha(log_probs, target, blank)}


@truth
def beta(log_probs: Array, target: Array, blank: int) -> Answer:
    return {"log_beta": _beta(log_probs, target, blank)}


@truth
def gamma(log_probs: Array, target: Array, blank: int) -> Answer:
    return {"log_gamma": _log(_posteriors(log_probs, target, blank), log_probs.dtype)}


def tables(log_probs: Array, target: Array, blank: int) -> Answer:
    return {name: table for oracle in (alpha, beta, gamma) for name, table in oracle(log_probs, target, blank).items()}


def spelled(path: Iterable[int], blank: int) -> Path:
    """Spell a path: repetitions taken out, then blanks."""
    return tuple(int(symbol) for symbol, _ in itertools.groupby(path) if symbol != blank)


def _alpha(
    log_probs: Array,
    target: Array,
    blank: int,
    counts: Callable[[Path], bool] = lambda path: True,
    both: Callable[[float, float], float] = operator.add,
) -> Array:
    """Sum the probability of every beginning of a path that spells a beginning of the target, at the state it is in."""
    wanted, table = tuple(target.tolist()), np.zeros((len(log_probs), 2 * len(target) + 1))
    for t in range(len(log_probs)):
        for path, probability in _paths(log_probs[: t + 1]):
            said = spelled(path, blank)
            if said == wanted[: len(said)] and counts(path):
                place = t, 2 * len(said) - (path[-1] != blank)
                table[place] = both(table[place], probability)
    return _log(table, log_probs.dtype)


def _beta(log_probs: Array, target: Array, blank: int, counts: Callable[[Path], bool] = lambda path: True) -> Array:
    """Sum, at every state, the probability of every end of a path that spells the rest of the target from there."""
    wanted, table = tuple(target.tolist()), np.zeros((len(log_probs), 2 * len(target) + 1))
    for t, s in np.ndindex(table.shape):
        symbol = blank if s % 2 == 0 else wanted[s // 2]
        for path, probability in _paths(log_probs[t + 1 :]):
            if spelled((symbol, *path), blank) == wanted[s // 2 :] and counts((symbol, *path)):
                table[t, s] += probability
    return _log(table, log_probs.dtype)


def _posteriors(log_probs: Array, target: Array, blank: int) -> Array:
    """Compute, for every frame and state, the share of the target's paths that go through it; or zeros."""
    table, total = np.zeros((len(log_probs), 2 * len(target) + 1)), 0.0
    for path, probability in _spelling(log_probs, target, blank):
        total += probability
        for t, symbol in enumerate(path):
            table[t, 2 * len(spelled(path[: t + 1], blank)) - (symbol != blank)] += probability
    return table / total if total else table


def _spelling(log_probs: Array, target: Array, blank: int) -> Iterator[tuple[Path, float]]:
    """List the paths that spell the target, each with its probability."""
    wanted = tuple(target.tolist())
    return ((path, probability) for path, probability in _paths(log_probs) if spelled(path, blank) == wanted)


def _paths(log_probs: Array) -> Iterator[tuple[Path, float]]:
    """List every path through these frames, with its probability; the empty one if there are none."""
    frames, classes = log_probs.shape
    paths = np.array(list(itertools.product(range(classes), repeat=frames)), dtype=np.int64).reshape(
        classes**frames, frames
    )
    probabilities = np.exp(log_probs.astype(np.float64))[np.arange(frames), paths].prod(axis=1)
    return zip(map(tuple, paths.tolist()), probabilities.tolist(), strict=True)


def _log(table: Array, dtype: np.dtype) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(table)).astype(dtype)


# One example, by torch


@truth
def log_probability(log_probs: Array, target: Array, blank: int) -> Answer:
    """Compute log P(target), and the posterior of every symbol at every frame."""
    batch = log_probs[:, None], target, np.array([len(log_probs)]), np.array([len(target)])
    answer = loss(*batch, {"blank": blank, "reduction": "sum"}, None)
    return {"log_p": -answer["output"], "posteriors": -answer["log_probs_grad"][:, 0]}


@truth
def beginnings(log_probs: Array, target: Array, blank: int) -> Array:
    """Compute, for every frame t and k, log P(the first k labels | the frames until t)."""
    shape = len(log_probs), len(target) + 1
    pairs = np.argwhere(np.ones(shape)) + np.array([1, 0])  # how many frames, how many labels
    losses = torch.nn.functional.ctc_loss(
        torch.tensor(log_probs.astype(np.float64))[:, None].expand(-1, len(pairs), -1),
        torch.tensor(target).expand(len(pairs), -1),
        torch.tensor(pairs[:, 0]),
        torch.tensor(pairs[:, 1]),
        blank,
        "none",
    )
    return -losses.numpy().reshape(shape).astype(log_probs.dtype)


def ends(log_probs: Array, target: Array, blank: int) -> Array:
    """Compute, for every frame t and k, log P(the target without its first k labels | the frames from t)."""
    return beginnings(log_probs[::-1].copy(), target[::-1].copy(), blank)[::-1, ::-1]


# A batch


@truth
def loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Answer,
    grad_output: Gradient = None,
) -> Answer:
    """Compute torch's loss, and the partial derivatives by the log-probabilities."""
    batch = log_probs.astype(np.float64), targets, input_lengths, target_lengths
    output, _ = _torch_loss(*batch, options, grad_output)
    # Torch gives infeasible examples a gradient of zero only if it is to make their losses zero.
    _, logits_grad = _torch_loss(*batch, {**options, "zero_infinity": True}, grad_output)
    # Torch's gradient is that of logits, to which log_softmax belongs: g - p Σg.  Every path has one symbol at each
    # frame, so Σg is minus the example's share in the loss, and g is found again.
    alone = {**options, "reduction": "none", "zero_infinity": False}
    counts = np.isfinite(_torch_loss(*batch, alone, None)[0])
    has_frame = np.arange(len(log_probs))[:, None] < input_lengths
    share = has_frame * np.where(counts, shares(target_lengths, options, grad_output), 0)
    log_probs_grad = logits_grad - np.exp(batch[0]) * share[:, :, None]
    return {"output": output.astype(log_probs.dtype), "log_probs_grad": log_probs_grad.astype(log_probs.dtype)}


@truth
def loss_of_paths(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Answer,
    grad_output: Gradient = None,
) -> Answer:
    """Compute it by trying every path: an example's derivative is minus the share of the paths with a symbol there."""
    blank, losses, gradient = options.get("blank", 0), np.zeros(len(input_lengths)), np.zeros(log_probs.shape)
    for b, (frames, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        found = list(_spelling(log_probs[:frames, b], targets[b, :length], blank))
        total = sum(probability for _, probability in found)
        losses[b] = -_log(np.array(total), losses.dtype)
        for path, probability in found if total else ():
            gradient[np.arange(frames), b, path] -= probability / total
    gradient *= (shares(target_lengths, options, grad_output) * np.ones_like(losses))[:, None]
    weighted = losses * shares(target_lengths, options, None)
    output = weighted if options.get("reduction") == "none" else np.asarray(weighted.sum())
    return {"output": output.astype(log_probs.dtype), "log_probs_grad": gradient.astype(log_probs.dtype)}


def shares(target_lengths: Array, options: Answer, grad_output: Gradient) -> Array:
    """Weigh each example's own loss, times the upstream gradient."""
    upstream = np.asarray(1.0 if grad_output is None else grad_output, np.float64)
    if options.get("reduction", "mean") == "mean":
        return upstream / (len(target_lengths) * np.maximum(target_lengths, 1))
    return upstream


def _torch_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Answer,
    grad_output: Gradient,
) -> tuple[Array, Array]:
    """Compute the loss, and the gradient of logits of which log_probs is the log_softmax."""
    logits = torch.tensor(log_probs, requires_grad=True)
    lengths = torch.tensor(input_lengths), torch.tensor(target_lengths)
    output = torch.nn.CTCLoss(**options)(torch.log_softmax(logits, -1), torch.tensor(targets), *lengths)
    upstream = torch.tensor(np.asarray(1.0 if grad_output is None else grad_output, np.float64))
    (gradient,) = torch.autograd.grad((output * upstream).sum(), logits)
    return output.detach().numpy(), gradient.numpy()


# What known mistakes would give


def extend_mistakes(target: Array, blank: int) -> dict[str, Answer]:
    right = extend(target, blank)
    is_label = np.arange(2 * len(target) + 1) % 2 == 1
    return {
        "a blank may be skipped between equal labels too; they would become one": {
            "can_skip": is_label & (np.arange(len(is_label)) > 1)
        },
        "the first label may be skipped to; no state is two before it": {
            "can_skip": right["can_skip"] | (np.arange(len(is_label)) == 1)
        },
        "no blank may ever be skipped": {"can_skip": np.zeros_like(is_label)},
        "blanks may be skipped to, too; only a label that differs from the one before it may": {
            "can_skip": np.arange(len(is_label)) > 1
        },
        "the blank is always 0": {"extended": np.where(is_label, right["extended"], 0)},
    }


def alpha_mistakes(log_probs: Array, target: Array, blank: int) -> dict[str, Answer]:
    tables = {
        "no blank is ever skipped": _alpha(log_probs, target, blank, lambda path: _skips_nothing(path, blank)),
        "walks begin in state 0 only; they may begin with the first label": _alpha(
            log_probs, target, blank, lambda path: path[0] == blank
        ),
        "the likeliest walk alone counts; all walks add up": _alpha(log_probs, target, blank, both=max),
        "the symbol of frame t is left out": _alpha(log_probs, target, blank) - _emissions(log_probs, target, blank),
        "these are probabilities, not their logarithms": np.exp(_alpha(log_probs, target, blank)),
    }
    return {sentence: {"log_alpha": table} for sentence, table in tables.items()}


def beta_mistakes(log_probs: Array, target: Array, blank: int) -> dict[str, Answer]:
    right = _beta(log_probs, target, blank)
    tables = {
        "no blank is ever skipped": _beta(log_probs, target, blank, lambda path: _skips_nothing(path, blank)),
        "walks end in the last state only; they may end with the last label": _beta(
            log_probs, target, blank, lambda path: path[-1] == blank
        ),
        "the symbol of frame t is included; β leaves it to α": right + _emissions(log_probs, target, blank),
        "these are probabilities, not their logarithms": np.exp(right),
    }
    return {sentence: {"log_beta": table} for sentence, table in tables.items()}


def gamma_mistakes(log_probs: Array, target: Array, blank: int) -> dict[str, Answer]:
    walks = _alpha(log_probs, target, blank) + _beta(log_probs, target, blank)
    right = gamma(log_probs, target, blank)["log_gamma"]
    changes = {
        "log α + log β is not yet divided by its sum over the states": walks,
        "the sum runs over the frames; it runs over the states": walks - np.logaddexp.reduce(walks, axis=0),
        "these are probabilities, not their logarithms": np.exp(right),
    }
    return {sentence: {"log_gamma": table} for sentence, table in changes.items()}


def loss_mistakes(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    options: Answer,
    grad_output: Gradient = None,
) -> dict[str, Answer]:
    batch, rest = (log_probs, targets, input_lengths, target_lengths), (options, grad_output)
    right, dtype = loss(*batch, *rest), log_probs.dtype
    whole = np.full_like(input_lengths, len(log_probs))
    each = loss(*batch, {**options, "reduction": "none", "zero_infinity": False}, None)["output"]
    losses = {
        "no blank is ever skipped": losses_of_walks(*batch, options.get("blank", 0), skip=False),
        "without a frame every loss is 0; only that of an empty target is": np.where(input_lengths == 0, 0, each),
        "without a frame the empty target is taken for infeasible; its loss is 0": np.where(
            input_lengths == 0, np.inf, each
        ),
    }
    known = {sentence: {"output": reduced(one, target_lengths, options, dtype)} for sentence, one in losses.items()}
    known |= {
        "input_lengths has no effect": loss(log_probs, targets, whole, target_lengths, *rest),
        "grad_output has no effect": {"log_probs_grad": loss(*batch, options, None)["log_probs_grad"]},
        "this is the gradient of logits, softmax and all; backward gives that of log_probs": {
            "log_probs_grad": _torch_loss(log_probs, *batch[1:], {**options, "zero_infinity": True}, grad_output)[1]
        },
        "the sign of the gradient is wrong: it is minus the posterior": {"log_probs_grad": -right["log_probs_grad"]},
    }
    if options.get("blank"):
        known["the blank is always 0"] = loss(*batch, {**options, "blank": 0}, grad_output)
    if "zero_infinity" in options:
        known["zero_infinity has no effect"] = loss(*batch, {**options, "zero_infinity": False}, grad_output)
    else:
        known["the loss of an infeasible target is always 0; it is inf without zero_infinity"] = {
            "output": loss(*batch, {**options, "zero_infinity": True}, None)["output"]
        }
    if options.get("reduction", "mean") != "mean":
        return known
    single = loss(*batch, {**options, "reduction": "none"}, None)["output"]
    lengths, batch_size = np.maximum(target_lengths, 1), len(target_lengths)
    others = {}
    if "zero_infinity" in options:
        feasible = max(1, np.isfinite(each).sum())
        others['"mean" leaves out the infeasible examples; it counts them in, as 0'] = (
            (single / lengths).sum() / feasible,
            np.full(batch_size, batch_size / feasible),
        )
    others |= {
        '"mean" does not divide by the target lengths': (single.mean(), lengths),
        '"mean" does not divide by the batch': ((single / lengths).sum(), np.full(batch_size, batch_size)),
    }
    if not target_lengths.all():
        with np.errstate(all="ignore"):
            others['"mean" divides by the target length, 0 too; an empty target counts as one label'] = (
                (single / target_lengths).mean(),
                lengths / target_lengths,
            )
    if (all_labels := target_lengths.sum()) > 1:  # with fewer, these two are the same
        others |= {
            '"mean" gives the sum': (single.sum(), lengths * batch_size),
            '"mean" divides the sum by all labels; each loss is divided by its own first': (
                single.sum() / all_labels,
                lengths * batch_size / all_labels,
            ),
        }
    return known | {
        sentence: {
            "output": np.asarray(output, dtype),
            "log_probs_grad": _times(right["log_probs_grad"], factors[:, None]).astype(dtype),
        }
        for sentence, (output, factors) in others.items()
    }


def losses_of_walks(
    log_probs: Array,
    targets: Array,
    input_lengths: Array,
    target_lengths: Array,
    blank: int,
    *,
    go_on: bool = True,
    skip: bool = True,
) -> Array:
    """Compute each example's loss if walks may not go on to the next state, or may not skip a blank."""
    starts = np.cumsum(target_lengths) - target_lengths
    losses = np.full(len(target_lengths), np.inf)
    for b, (frames, length) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        target = targets[starts[b] : starts[b] + length] if targets.ndim == 1 else targets[b, :length]
        emissions = _emissions(log_probs[:frames, b], target, blank)
        alpha = np.array([0, *np.full(2 * length, -np.inf)])  # before the first frame
        can_skip = extend(target, blank)["can_skip"]
        for t, emission in enumerate(emissions):
            before, two_before = np.append(-np.inf, alpha[:-1]), np.append([-np.inf] * 2, alpha[:-2])[: len(alpha)]
            ways = [alpha, before if go_on or t == 0 else -np.inf, np.where(can_skip & skip, two_before, -np.inf)]
            alpha = np.logaddexp.reduce(np.broadcast_arrays(*ways)) + emission
        losses[b] = -np.logaddexp.reduce(alpha[-2:])
    return losses


def reduced(losses: Array, target_lengths: Array, options: Answer, dtype: np.dtype) -> Array:
    """Reduce the loss of the batch, from those of its examples."""
    if options.get("zero_infinity"):
        losses = np.where(np.isinf(losses), 0, losses)
    weighted = losses * shares(target_lengths, options, None)
    return np.asarray(weighted if options.get("reduction") == "none" else weighted.sum(), dtype)


@np.errstate(invalid="ignore")
def _times(gradient: Array, factors: Array) -> Array:
    """Multiply, also with factors that are infinite."""
    return np.asarray(gradient * factors)


def _skips_nothing(path: Path, blank: int) -> bool:
    return all(blank in pair or pair[0] == pair[1] for pair in itertools.pairwise(path))


def _emissions(log_probs: Array, target: Array, blank: int) -> Array:
    return log_probs[:, extend(target, blank)["extended"]]
