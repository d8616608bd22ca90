"""The speech embedding against torch's modules on each utterance alone, without its padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers, parameters, without_gradient
from part5_transformers.tests import oracle_speech_embedding as oracle
from part5_transformers.tests.strategies import BATCHES, NONE

speech = probes("speech_embedding")

LENGTHS = np.arange(1, 201)
USABLE = [1, 2, 3, 4, 6, 8, 9, 12]
METHODS = ["conv", "lstm", "both"]
FACTORS = st.sampled_from([2, 3, 1])
FRAMES = st.sampled_from([3, 4, 5, 7, 2, 1])
FEATURES = st.sampled_from([1, 2, 3])
ODDITIES = np.array([np.nan, np.inf, -np.inf, 1e30, 0.0])

# The problems


@st.composite
def utterances(
    draw: Draw,
    dtype: str,
    frames: st.SearchStrategy[int] = FRAMES,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw frames, any numbers in their padding, and lengths in no order; the longest may be shorter than t."""
    batch, time = draw(batches), draw(frames)
    x = array(draw, (batch, time, draw(FEATURES)), dtype=dtype) / 2
    return {"x": x.astype(dtype), "lengths": integers(draw, (batch,), 1, time + 1)}


@st.composite
def padded(draw: Draw, odd: bool = False, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """Draw frames and the upstream gradient; odd padding is infinite, huge, zero or no number at all."""
    problem = draw(utterances(draw(DTYPES), batches=batches))
    x = problem["x"]
    grad_output = array(draw, x.shape, dtype=x.dtype.name)
    return {**problem, "x": oddly_padded(draw, problem) if odd else x, "grad_output": grad_output}


@st.composite
def groupings(draw: Draw) -> Problem:
    """Draw frames, how many of them make a group, and the upstream gradient."""
    dtype, factor = draw(DTYPES), draw(st.sampled_from([2, 3, 1, 4]))
    x = draw(utterances(dtype))["x"]
    shape = (len(x), -(-x.shape[1] // factor), factor * x.shape[2])
    return {"x": x, "factor": factor, "grad_output": array(draw, shape, dtype=dtype)}


@st.composite
def layers(draw: Draw, kind: str, is_padded: bool = True, batches: st.SearchStrategy[int] = BATCHES) -> Problem:
    """Draw a layer, frames that are zero beyond each length, and the upstream gradient."""
    dtype, factor = draw(DTYPES), draw(FACTORS)
    problem = draw(utterances(dtype, batches=batches))
    if not is_padded:
        problem["lengths"] = np.full_like(problem["lengths"], problem["x"].shape[1])
    x = oracle.without_padding(**problem)["output"]
    width = draw(st.sampled_from([2, 4] if kind == "lstm" else [1, 2, 3]))
    state = parameters(draw, layer_shapes(kind, x.shape[2], width, factor), dtype)
    grad_output = array(draw, (len(x), -(-x.shape[1] // factor), width), dtype=dtype)
    return {"kind": kind, "factor": factor, "state": state, **problem, "x": x, "grad_output": grad_output}


@st.composite
def embeddings(draw: Draw, method: str | None = None, dropout: float = 0.0) -> Problem:
    """Draw an embedding, frames with any padding, and the upstream gradient."""
    dtype, reduction = draw(DTYPES), draw(st.sampled_from([2, 4, 3, 6, 1]))
    method = method or draw(st.sampled_from(METHODS))
    problem = draw(utterances(dtype, st.sampled_from([3, 5, 8, 13, 1])))
    batch, time, features = problem["x"].shape
    width = draw(st.sampled_from([2, 3, 1] if method == "conv" else [2, 4]))
    shapes: dict[str, Shape] = {}
    for number, (kind, factor) in enumerate(oracle.layers_of(method, reduction)):
        shapes |= layer_shapes(kind, width if number else features, width, factor, f"layers.{number}.")
    shapes |= {"linear.weight": (width, width), "linear.bias": (width,)}
    return {
        "sizes": {
            "input_dim": features,
            "d_model": width,
            "time_reduction": reduction,
            "reduction_method": method,
            "dropout": dropout,
        },
        "state": parameters(draw, shapes, dtype),
        **problem,
        "grad_output": array(draw, (batch, -(-time // reduction), width), dtype=dtype),
    }


@st.composite
def padded_otherwise(draw: Draw, odd: bool = False) -> Problem:
    """Draw an embedding of frames, and the same frames with other padding, and more of it."""
    problem = without_gradient(draw(embeddings()))
    x, more = problem["x"], draw(st.sampled_from([1, 0, 2, 5]))
    longer = array(draw, (len(x), x.shape[1] + more, x.shape[2]), dtype=x.dtype.name)
    inside = np.arange(x.shape[1]) < problem["lengths"][:, None]
    longer[:, : x.shape[1]][inside] = x[inside]
    other = {**problem, "x": longer}
    return {"problem": problem, "other": {**other, "x": oddly_padded(draw, other)} if odd else other}


@st.composite
def with_an_impossible_length(draw: Draw) -> tuple[Problem, int, int]:
    """Draw an embedding, a row, and a length for it that is below 1 or above t."""
    problem = without_gradient(draw(embeddings()))
    batch, time = problem["x"].shape[:2]
    return problem, draw(st.integers(0, batch - 1)), draw(st.sampled_from([0, time + 1, -1, time + 3]))


@st.composite
def unusable_sizes(draw: Draw) -> Problem:
    """Draw arguments of which one cannot be used."""
    method, width = draw(st.sampled_from(METHODS)), draw(st.sampled_from([2, 4]))
    usable = {"input_dim": 1, "d_model": width, "time_reduction": 2, "reduction_method": method}
    changes = [
        *({"reduction_method": name} for name in ("gru", "", "LSTM")),
        *({"time_reduction": number} for number in (5, 0, 7, 10, -2)),
        *({"reduction_method": name, "d_model": width + 1} for name in ("lstm", "both")),
    ]
    return {**usable, **draw(st.sampled_from(changes))}


def layer_shapes(kind: str, inputs: int, outputs: int, factor: int, prefix: str = "") -> dict[str, Shape]:
    """Return the shapes of a layer's parameters."""
    if kind == "convolution":
        return {f"{prefix}convolution.weight": (outputs, inputs, 3), f"{prefix}convolution.bias": (outputs,)}
    hidden = outputs // 2
    shapes: dict[str, Shape] = {
        "weight_ih_l0": (4 * hidden, factor * inputs),
        "weight_hh_l0": (4 * hidden, hidden),
        "bias_ih_l0": (4 * hidden,),
        "bias_hh_l0": (4 * hidden,),
    }
    return {f"{prefix}lstm.{name}{way}": shape for way in ("", "_reverse") for name, shape in shapes.items()}


def oddly_padded(draw: Draw, problem: Problem) -> np.ndarray:
    """Draw the frames with odd padding."""
    x, lengths = problem["x"], problem["lengths"]
    odd = ODDITIES[integers(draw, x.shape, 0, len(ODDITIES))].astype(x.dtype)
    return np.where((np.arange(x.shape[1]) < lengths[:, None])[:, :, None], x, odd)


# Lengths


@oracle_test("speech_embedding.lengths")
@given(factor=st.integers(1, 12))
def test_lengths_are_divided_and_rounded_up(candidate: Candidate, factor: int) -> None:
    """reduced gives ⌈lengths / factor⌉ in integers, for every length from 1 to 200."""
    problem = {"lengths": LENGTHS, "factor": factor}
    assert_right(candidate, speech.reduce_lengths, oracle.reduced, problem, mistakes=oracle.reduced_mistakes)


@oracle_test("speech_embedding.lengths")
@given(factor=st.sampled_from(USABLE))
def test_an_embedding_announces_its_lengths(candidate: Candidate, factor: int) -> None:
    """downsampled_lengths gives ⌈lengths / time_reduction⌉, for every length from 1 to 200."""
    problem = {"lengths": LENGTHS, "factor": factor}
    assert_right(candidate, speech.downsample_lengths, oracle.reduced, problem, mistakes=oracle.reduced_mistakes)


@law("speech_embedding.lengths")
@given(factor=st.integers(1, 12))
def test_lengths_are_left_alone(candidate: Candidate, factor: int) -> None:
    """reduced does not change its argument."""
    got = candidate.run(speech.reduce_lengths_and_argument, lengths=LENGTHS, factor=factor)
    expected = {**oracle.reduced(LENGTHS, factor), "lengths afterwards": LENGTHS}
    in_place = {**expected, "lengths afterwards": LENGTHS + factor - 1}
    mistakes = {"factor - 1 is added to the lengths in place; they are the caller's": in_place}
    assert_same(got, expected, mistakes=mistakes)


# Without padding


@oracle_test("speech_embedding.without_padding")
@given(problem=padded())
def test_padding_becomes_zero(candidate: Candidate, problem: Problem) -> None:
    """without_padding gives x with zeros at and after each length, in its dtype."""
    known, problem = oracle.without_padding_mistakes, without_gradient(problem)
    assert_right(candidate, speech.mask, oracle.without_padding, problem, mistakes=known)


@oracle_test("speech_embedding.without_padding")
@given(problem=padded())
def test_padding_has_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """The gradient of x is that of the output within each length, and zero at padding."""
    assert_right(candidate, speech.mask_and_backward, oracle.without_padding, problem, ["x_grad"])


@law("speech_embedding.without_padding")
@given(problem=padded())
def test_without_padding_leaves_its_arguments_alone(candidate: Candidate, problem: Problem) -> None:
    """without_padding changes neither x nor the lengths."""
    problem = without_gradient(problem)
    afterwards = {f"{name} afterwards": value for name, value in problem.items()}
    expected = {**oracle.without_padding(**problem), **afterwards}
    assert_same(candidate.run(speech.mask_and_arguments, **problem), expected)


@edge_case("speech_embedding.without_padding")
@given(problem=padded(odd=True))
def test_odd_padding_becomes_zero_too(candidate: Candidate, problem: Problem) -> None:
    """Padding that is infinite, huge or NaN becomes zero too."""
    known, problem = oracle.without_padding_mistakes, without_gradient(problem)
    assert_right(candidate, speech.mask, oracle.without_padding, problem, mistakes=known)


@edge_case("speech_embedding.without_padding")
@given(problem=padded(batches=NONE))
def test_no_utterances_have_no_padding(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 stays as it is."""
    assert_right(candidate, speech.mask, oracle.without_padding, without_gradient(problem))


# Convolution


@oracle_test("speech_embedding.convolution")
@given(problem=layers("convolution", is_padded=False))
def test_a_convolution_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Of utterances of one length, the steps are GELU of torch.nn.Conv1d, and there are ⌈t / factor⌉."""
    check_layer(candidate, problem)


@oracle_test("speech_embedding.convolution")
@given(problem=layers("convolution"))
def test_a_convolution_leaves_padding_zero(candidate: Candidate, problem: Problem) -> None:
    """Of utterances of several lengths, each has the steps that it has alone, then zeros."""
    check_layer(candidate, problem)


@oracle_test("speech_embedding.convolution")
@given(problem=layers("convolution"))
def test_gradients_of_a_convolution_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of weight, bias and x are those of torch.nn.Conv1d and GELU on each utterance alone."""
    check_layer_gradients(candidate, problem)


@edge_case("speech_embedding.convolution")
@given(problem=layers("convolution", batches=NONE))
def test_a_batch_may_be_empty(candidate: Candidate, problem: Problem) -> None:
    """A batch of 0 gives ⌈t / factor⌉ steps of 0 utterances."""
    expected = {"output": np.zeros_like(problem["grad_output"]), "lengths": problem["lengths"]}
    assert_same(candidate.run(speech.layer, **without_gradient(problem)), expected)


# Groups


@oracle_test("speech_embedding.group")
@given(problem=groupings())
def test_frames_stand_side_by_side(candidate: Candidate, problem: Problem) -> None:
    """group puts every `factor` frames one after another into one, the last group filled up with zeros."""
    known, problem = oracle.group_mistakes, without_gradient(problem)
    assert_right(candidate, speech.group, oracle.group, problem, mistakes=known)


@oracle_test("speech_embedding.group")
@given(problem=groupings())
def test_groups_hand_their_gradient_back(candidate: Candidate, problem: Problem) -> None:
    """The gradient of every frame is its part of the gradient of its group."""
    assert_right(candidate, speech.group_and_backward, oracle.group, problem, ["x_grad"])


# LSTM


@oracle_test("speech_embedding.lstm")
@given(problem=layers("lstm", is_padded=False))
def test_an_lstm_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """Of utterances of one length, the steps are those of torch.nn.LSTM over the groups, and there are ⌈t / factor⌉."""
    check_layer(candidate, problem)


@oracle_test("speech_embedding.lstm")
@given(problem=layers("lstm"))
def test_an_lstm_begins_its_way_back_at_the_end(candidate: Candidate, problem: Problem) -> None:
    """Of utterances of several lengths, in any order, each has the steps that it has alone, then zeros."""
    check_layer(candidate, problem)


@oracle_test("speech_embedding.lstm")
@given(problem=layers("lstm"))
def test_gradients_of_an_lstm_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of x and of all weights and biases are those of torch.nn.LSTM on each utterance alone."""
    check_layer_gradients(candidate, problem)


# Forward


@oracle_test("speech_embedding.forward")
@given(problem=embeddings("conv"))
def test_convolutions_embed_each_utterance(candidate: Candidate, problem: Problem) -> None:
    """With "conv" the embeddings are torch's convolutions with GELU, then the linear layer, of each utterance alone."""
    check(candidate, problem)


@oracle_test("speech_embedding.forward")
@given(problem=embeddings("lstm"))
def test_lstms_embed_each_utterance(candidate: Candidate, problem: Problem) -> None:
    """With "lstm" the embeddings are torch's LSTMs over groups, then the linear layer, of each utterance alone."""
    check(candidate, problem)


@oracle_test("speech_embedding.forward")
@given(problem=embeddings("both"))
def test_both_embed_each_utterance(candidate: Candidate, problem: Problem) -> None:
    """With "both" the embeddings are torch's convolution, LSTMs and linear layer, of each utterance alone."""
    check(candidate, problem)


@oracle_test("speech_embedding.forward")
@given(problem=embeddings())
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """The gradients of all parameters and of x are those of torch's modules, and zero at the padding of x."""
    names = [name for name in oracle.embedding(**problem) if name.endswith("_grad")]
    known = oracle.embedding_mistakes
    assert_right(candidate, speech.forward_and_backward, oracle.embedding, problem, names, known)


@law("speech_embedding.forward")
@given(method=st.sampled_from(METHODS), time_reduction=st.sampled_from(USABLE), seed=st.integers(0, 1000))
def test_every_length_has_its_steps(candidate: Candidate, method: str, time_reduction: int, seed: int) -> None:
    """Of 1 to 200 frames, ⌈frames / time_reduction⌉ steps are left, as many as downsampled_lengths says; the others are
    zero."""
    sizes = {"input_dim": 1, "d_model": 2, "time_reduction": time_reduction, "reduction_method": method}
    right = oracle.reduced(LENGTHS, time_reduction)["lengths"]
    expected = dict.fromkeys(("lengths", "downsampled_lengths", "steps that are not zero"), right)
    got = candidate.run(speech.steps, sizes=sizes, lengths=LENGTHS, seed=seed)
    assert_same(got, {**expected, "all steps": int(right.max())})


@law("speech_embedding.forward")
@given(problem=padded_otherwise())
def test_padding_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Other padding, and more of it, changes no step; all beyond a length is zero."""
    check_padding(candidate, problem)


@edge_case("speech_embedding.forward")
@given(problem=padded_otherwise(odd=True))
def test_odd_padding_changes_nothing(candidate: Candidate, problem: Problem) -> None:
    """Padding that is huge, infinite or NaN changes no step either."""
    check_padding(candidate, problem)


@law("speech_embedding.forward")
@given(problem=embeddings())
def test_a_batch_is_its_utterances(candidate: Candidate, problem: Problem) -> None:
    """Every utterance of a batch has the embeddings that it has alone."""
    problem = without_gradient(problem)
    together = candidate.run(speech.forward, **problem)
    for row in range(len(problem["lengths"])):
        single = {name: problem[name][row : row + 1] for name in ("x", "lengths")}
        alone = candidate.run(speech.forward, **{**problem, **single})
        assert_same({name: value[row : row + 1] for name, value in together.items()}, alone)


@law("speech_embedding.forward")
@given(problem=embeddings(dropout=0.5))
def test_evaluation_drops_nothing(candidate: Candidate, problem: Problem) -> None:
    """In evaluation mode nothing is dropped, whatever the rate of dropout."""
    problem = without_gradient(problem)
    right, got = oracle.embedding(**problem), candidate.run(speech.forward, **problem)
    assert_same(got, right, mistakes=lambda: oracle.dropped_in_evaluation(got["output"], right))


@law("speech_embedding.forward")
@given(problem=embeddings(dropout=0.5), seed=st.integers(0, 1000))
def test_training_drops_numbers_of_the_embeddings(candidate: Candidate, problem: Problem, seed: int) -> None:
    """In training mode at rate 1/2, every number of the embeddings is dropped or doubled."""
    problem = without_gradient(problem)
    right = oracle.embedding(**problem)["output"]
    got = checked(candidate.run(speech.forward_in_training, **problem, seed=seed)["output"], right)
    mistakes = oracle.dropout_mistakes(got, right)
    assert_same({"output": got}, {"output": np.where(got == 0, 0, 2 * right).astype(right.dtype)}, mistakes=mistakes)


@law("speech_embedding.forward")
@given(sizes=unusable_sizes())
def test_unusable_arguments_are_refused(candidate: Candidate, sizes: Problem) -> None:
    """Another reduction_method, a time_reduction with other factors than 2 and 3, or an odd d_model with LSTMs is a
    ValueError."""
    candidate.raises(ValueError, speech.build, sizes=sizes)


@law("speech_embedding.forward")
@given(wrong=with_an_impossible_length())
def test_impossible_lengths_are_refused(candidate: Candidate, wrong: tuple[Problem, int, int]) -> None:
    """A length below 1 or above t is a ValueError."""
    problem, row, length = wrong
    lengths = problem["lengths"].copy()
    lengths[row] = length
    candidate.raises(ValueError, speech.forward, **{**problem, "lengths": lengths})


def check(candidate: Candidate, problem: Problem) -> None:
    """Check that the embeddings and lengths are those of each utterance alone."""
    known = oracle.embedding_mistakes
    assert_right(candidate, speech.forward, oracle.embedding, without_gradient(problem), mistakes=known)


def check_padding(candidate: Candidate, problem: Problem) -> None:
    """Check that the steps of the two are the same within each length, and zero beyond it."""
    one, other = (candidate.run(speech.forward, **problem[which]) for which in ("problem", "other"))
    like = oracle.embedding(**problem["problem"])["output"]
    steps = -(-problem["other"]["x"].shape[1] // problem["other"]["sizes"]["time_reduction"])
    further = np.zeros((len(like), steps - like.shape[1], like.shape[2]), dtype=like.dtype)
    shorter = checked(one["output"], like)
    assert_same(other, {"output": np.concatenate([shorter, further], axis=1), "lengths": one["lengths"]})
    beyond = np.arange(steps) >= one["lengths"][:, None]
    assert_same({"padding is exactly 0": not other["output"][beyond].any()}, {"padding is exactly 0": True})


def check_layer(candidate: Candidate, problem: Problem) -> None:
    """Check that the layer's steps and lengths are those of torch's module on each utterance alone."""
    known = oracle.layer_mistakes
    assert_right(candidate, speech.layer, oracle.layer, without_gradient(problem), mistakes=known)


def check_layer_gradients(candidate: Candidate, problem: Problem) -> None:
    """Check its gradients as well."""
    names = [name for name in oracle.layer(**problem) if name.endswith("_grad")]
    assert_right(candidate, speech.layer_and_backward, oracle.layer, problem, names, oracle.layer_mistakes)
