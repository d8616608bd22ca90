"""Torch's scaled dot-product attention, and what known mistakes would give."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from autograder.testing import truth
from autograder.testing.torch_oracle import Answer, Array, gradients, tensors
from part4_attention.tests.oracle import attend, attention_weights

Attention = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
Score = Callable[[Tensor, Tensor], Tensor]
Hide = Callable[[Tensor, Tensor], Tensor]

OVER_QUERIES = "the softmax runs over the queries; it must run over the keys, the last axis"
NO_WEIGHTS = "dS lacks the factor W: dS = W ⊙ (dW - Σ dW ⊙ W)"
NOTHING_SUBTRACTED = "dS lacks what is subtracted: dS = W ⊙ (dW - Σ dW ⊙ W)"
NO_SOFTMAX_BACK = "the softmax is left out on the way back: dS is taken to be dW"
BOTH_UNSCALED = "query_grad and key_grad lack the factor 1 / √d"
BOTH_SCALED_TWICE = "query_grad and key_grad have the factor 1 / √d twice"
ONES = "the upstream gradient is taken to be one everywhere"


@truth
def softmax(scores: Array, mask: Array | None) -> Array:
    """Return torch's softmax of the scores that are not masked; zeros where all are."""
    if mask is None:
        return torch.tensor(scores).softmax(dim=-1).numpy()
    hidden = torch.tensor(mask).expand(scores.shape)
    weights = torch.tensor(scores).masked_fill(hidden, -torch.inf).softmax(dim=-1)
    return weights.masked_fill(hidden.all(dim=-1, keepdim=True), 0).numpy()


def softmax_mistakes(scores: Array, mask: Array | None) -> Answer:
    tensor = torch.tensor(scores)
    seen = tensor if mask is None else tensor.masked_fill(torch.tensor(mask), -torch.inf)
    shares = (seen - seen.amax(dim=-1, keepdim=True)).exp()
    mistakes = {
        OVER_QUERIES: tensor.softmax(dim=-2),
        "the weights are divided by the sum over all rows; each row must have its own": shares / shares.sum(),
    }
    if mask is not None:
        mistakes |= {
            "the mask is ignored": tensor.softmax(dim=-1),
            "the mask is the other way round; True means ignored": torch.tensor(softmax(scores, ~mask)),
            "masked weights are set to zero after the softmax, so the others no longer sum to one": (
                tensor.softmax(dim=-1).masked_fill(torch.tensor(mask), 0)
            ),
            "masked scores are set to zero, which is a score like any other; -inf is none": (
                tensor.masked_fill(torch.tensor(mask), 0).softmax(dim=-1)
            ),
        }
    return {sentence: weights.numpy() for sentence, weights in mistakes.items()}


def underflow_mistakes(scores: Array, mask: Array) -> Answer:
    """Give the results of scores in the thousands if something else than the largest of each row is subtracted."""
    tensor = torch.tensor(scores)
    seen = tensor.masked_fill(torch.tensor(mask), -torch.inf)
    largest = {
        "the largest score of all rows is subtracted; each row must have its own": seen.max(),
        "the largest score of a row is taken from the masked ones too; it must be of those that are seen": tensor.amax(
            dim=-1, keepdim=True
        ),
        "the largest score of a row is taken to be 0 at least; it may be negative": seen.amax(
            dim=-1, keepdim=True
        ).clamp(min=0),
    }
    shares = {sentence: (seen - one).exp() for sentence, one in largest.items()}
    return {sentence: (x / x.sum(dim=-1, keepdim=True)).nan_to_num(0).numpy() for sentence, x in shares.items()}


def blind_softmax_mistakes(scores: Array, mask: Array) -> Answer:
    """Give the result of a large negative number in the place of -inf: another than the truth where all is masked."""
    hidden = torch.tensor(mask).expand(scores.shape)
    return {
        sentence: hide(torch.tensor(scores), hidden).softmax(dim=-1).numpy()
        for sentence, hide in NOT_QUITE_HIDDEN.items()
    }


@truth
def attention(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None) -> Answer:
    inputs = tensors(query=query, key=key, value=value)
    hidden = None if mask is None else torch.tensor(mask)
    output = attend(**inputs, mask=hidden)
    if grad_output is None:
        weights = attention_weights(inputs["query"], inputs["key"], hidden)
        return {"output": output.detach().numpy(), "attention_weights": weights.detach().numpy()}
    return {"output": output.detach().numpy(), **gradients(output, grad_output, inputs)}


def attention_mistakes(
    query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    def changed(formula: Attention, grad_output: Array | None = grad_output) -> Answer:
        return with_formula(formula, query, key, value, mask, grad_output)

    mistakes = {sentence: changed(formula) for sentence, formula in MISTAKEN_FORMULAS.items()}
    if mask is not None:
        mistakes |= {
            "the mask is ignored": changed(lambda q, k, v, _: attend(q, k, v, None)),
            "the mask is the other way round; True means ignored": changed(
                lambda q, k, v, hidden: attend(q, k, v, None if hidden is None else ~hidden)
            ),
        }
    if grad_output is not None:
        mistakes[ONES] = changed(attend, np.ones_like(grad_output))
        mistakes |= gradient_mistakes(query, key, value, mask, grad_output)
        mistakes |= mistakes_of_forward_alone(query, key, value, mask, grad_output)
    return mistakes


def blind_mistakes(
    query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None = None
) -> Answer:
    """Give the result of a large negative number in the place of -inf where a query sees nothing."""
    mistakes = {}
    for sentence, formula in NOT_QUITE_HIDING_FORMULAS.items():
        mistakes[sentence] = with_formula(formula, query, key, value, mask, grad_output)
        if grad_output is None:
            identity = np.broadcast_to(np.eye(key.shape[-2], dtype=key.dtype), (*key.shape[:-1], key.shape[-2]))
            weights = with_formula(formula, query, key, identity, mask, None)["output"]
            mistakes[sentence]["attention_weights"] = weights
    if grad_output is None:
        right = attention(query, key, value, mask)
        equal = right["attention_weights"] + ~right["attention_weights"].any(axis=-1, keepdims=True) / key.shape[-2]
        sentence = "attention_weights is 1 / s where a query sees no key; it must be zero there"
        mistakes[sentence] = {"attention_weights": equal.astype(query.dtype)}
    return mistakes


def weights_mistakes(query: Array, key: Array, value: Array, mask: Array) -> Answer:
    """Give what may be kept in the place of the weights."""
    inputs = tensors(query=query, key=key)
    weights = {
        "attention_weights is the softmax without the mask": attention_weights(**inputs, mask=None),
        "attention_weights holds the scores; it must hold their softmax": scaled(**inputs),
    }
    return {sentence: {"attention_weights": kept.detach().numpy()} for sentence, kept in weights.items()}


def with_formula(
    formula: Attention, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array | None
) -> Answer:
    """Return what another formula gives, and its gradients."""
    inputs = tensors(query=query, key=key, value=value)
    hidden = None if mask is None else torch.tensor(mask)
    output = formula(inputs["query"], inputs["key"], inputs["value"], hidden)
    known = {"output": output.detach().numpy()}
    return known if grad_output is None else {**known, **gradients(output, grad_output, inputs)}


def gradient_mistakes(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Answer:
    """Give what backward would with another step through the softmax, with the scale forgotten, or in another order."""
    right, scale = attention(query, key, value, mask, grad_output), math.sqrt(query.shape[-1])
    weights, weights_grad = weights_and_gradient(query, key, value, mask, grad_output)
    subtracted = (weights_grad * weights).sum(axis=-1, keepdims=True)
    steps = {
        NO_WEIGHTS: weights_grad - subtracted,
        NOTHING_SUBTRACTED: weights * weights_grad,
        NO_SOFTMAX_BACK: weights_grad,
        "the sum in dS runs over the queries; it must run over the keys, the last axis": weights
        * (weights_grad - (weights_grad * weights).sum(axis=-2, keepdims=True)),
        "the sum in dS is added; it must be subtracted": weights * (weights_grad + subtracted),
        "the sum in dS lacks the factor W: Σ over the keys of dW ⊙ W": weights
        * (weights_grad - weights_grad.sum(axis=-1, keepdims=True)),
        "the sum in dS lacks the factor output: Σ over the features of G ⊙ output": weights
        * (weights_grad - grad_output.sum(axis=-1, keepdims=True)),
        "only the diagonal of the softmax's derivative is used: dS is taken to be W ⊙ (1 - W) ⊙ dW": weights
        * (1 - weights)
        * weights_grad,
    }
    mistakes = {sentence: through_the_scores(scores_grad, query, key) for sentence, scores_grad in steps.items()}
    scores_grad = weights * (weights_grad - subtracted)
    mistakes["value_grad is dSᵀ G; it must be Wᵀ G"] = {"value_grad": scores_grad.swapaxes(-1, -2) @ grad_output}
    mistakes["query_grad and key_grad are exchanged"] = {
        "query_grad": right["key_grad"],
        "key_grad": right["query_grad"],
    }
    unscaled = {name: right[name] * scale for name in ("query_grad", "key_grad")}
    scaled_twice = {name: right[name] / scale for name in ("query_grad", "key_grad")}
    mistakes[BOTH_UNSCALED], mistakes[BOTH_SCALED_TWICE] = unscaled, scaled_twice
    mistakes |= {f"{name} lacks the factor 1 / √d": {name: value} for name, value in unscaled.items()}
    mistakes |= {f"{name} has the factor 1 / √d twice": {name: value} for name, value in scaled_twice.items()}
    return {
        sentence: {name: value.astype(right[name].dtype) for name, value in known.items()}
        for sentence, known in mistakes.items()
    }


def mistakes_of_the_last_block(query: Array, key: Array, value: Array, mask: Array, grad_output: Array) -> Answer:
    """Return the gradients of keys and values by the queries after the first 128 alone, taken in blocks of 128."""
    grad_output = grad_output.copy()
    grad_output[..., :128, :] = 0
    last = attention(query, key, value, mask, grad_output)
    return {
        f"{name} is that of the last block of queries; it must be the sum over all blocks": {name: last[name]}
        for name in ("key_grad", "value_grad")
    }


def mistakes_of_a_shared_output(
    written: float, query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array
) -> Answer:
    """Return what a backward gives that reads an output into which the caller has written this number."""
    weights, weights_grad = weights_and_gradient(query, key, value, mask, grad_output)
    scores_grad = weights * (weights_grad - written * grad_output.sum(axis=-1, keepdims=True))
    changed = through_the_scores(scores_grad, query, key)
    sentence = "backward reads the array that forward has returned, into which the caller may write; keep a copy"
    return {sentence: {name: value.astype(query.dtype) for name, value in changed.items()}}


def scores_gradient(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Array:
    """dS = W ⊙ (dW - Σ dW ⊙ W)."""
    weights, weights_grad = weights_and_gradient(query, key, value, mask, grad_output)
    return np.asarray(weights * (weights_grad - (weights_grad * weights).sum(axis=-1, keepdims=True)))


def weights_and_gradient(
    query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array
) -> tuple[Array, Array]:
    """W and dW."""
    return attention(query, key, value, mask)["attention_weights"], grad_output @ value.swapaxes(-1, -2)


def through_the_scores(scores_grad: Array, query: Array, key: Array) -> Answer:
    """Return the gradients of query and key for one of the scores."""
    scale = math.sqrt(query.shape[-1])
    return {"query_grad": scores_grad @ key / scale, "key_grad": scores_grad.swapaxes(-1, -2) @ query / scale}


def mistakes_of_forward_alone(query: Array, key: Array, value: Array, mask: Array | None, grad_output: Array) -> Answer:
    """Return what forward gives with another scale, and the gradients that a right backward makes of its weights."""
    root, mistakes = math.sqrt(query.shape[-1]), {}
    for sentence, scale in {
        "the scores are not divided by √d in forward, though backward has the factor": 1,
        "the scores are divided by d in forward; it must be √d, as in backward": 1 / root**2,
        "the scores are multiplied by √d in forward; they must be divided, as in backward": root,
    }.items():
        known = with_formula(by_hand(times(scale)), query, key, value, mask, grad_output)
        right_scale = {name: known[name] / (scale * root) for name in ("query_grad", "key_grad")}
        mistakes[sentence] = {**known, **right_scale}
    return mistakes


def scaled(query: Tensor, key: Tensor) -> Tensor:
    """Return the right scores."""
    return query @ key.mT / math.sqrt(query.shape[-1])


def times(scale: float) -> Score:
    """Return the scores with another scale."""
    return lambda query, key: query @ key.mT * scale


def with_infinity(scores: Tensor, mask: Tensor) -> Tensor:
    """Return the scores, -inf where masked."""
    return scores.masked_fill(mask, -torch.inf)


def by_hand(score: Score = scaled, dim: int = -1, hide: Hide = with_infinity) -> Attention:
    """Attention with another score, a softmax over another axis, or something else where it is masked."""

    def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        scores = score(query, key)
        scores = scores if mask is None else hide(scores, mask)
        return scores.softmax(dim=dim).nan_to_num(0) @ value

    return attention


def without_softmax(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Return the scores as weights, zero where masked."""
    scores = scaled(query, key)
    return (scores if mask is None else scores.masked_fill(mask, 0)) @ value


def weights_scaled(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Return the scale after the softmax."""
    return by_hand(times(1))(query, key, value, mask) / math.sqrt(query.shape[-1])


MISTAKEN_FORMULAS = {
    "the softmax is missing; the scores themselves are the weights": without_softmax,
    "the scores are not divided by √d": by_hand(lambda q, k: q @ k.mT),
    "the scores are divided by d; it must be √d": by_hand(lambda q, k: q @ k.mT / q.shape[-1]),
    "the scores are multiplied by √d; they must be divided": by_hand(lambda q, k: q @ k.mT * math.sqrt(q.shape[-1])),
    "the scores are divided by √s; it must be √d, the root of the number of features": by_hand(
        lambda q, k: q @ k.mT / math.sqrt(k.shape[-2])
    ),
    "the weights are divided by √d; the scores must be, before the softmax": weights_scaled,
    OVER_QUERIES: by_hand(dim=-2),
}

INSTEAD = "a query that sees no key still has weights; it must have zeros"
NOT_QUITE_HIDDEN: dict[str, Hide] = {
    f"a large negative score in the place of -inf: {INSTEAD}": lambda scores, mask: scores.masked_fill(mask, -1e10),
    f"a large negative number added in the place of -inf: {INSTEAD}": lambda scores, mask: scores - mask * 1e9,
}
NOT_QUITE_HIDING_FORMULAS = {sentence: by_hand(hide=hide) for sentence, hide in NOT_QUITE_HIDDEN.items()}
