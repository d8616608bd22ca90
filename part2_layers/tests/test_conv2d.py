"""Conv2d against torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, without_gradient
from part2_layers.tests import oracle_conv2d as oracle
from part2_layers.tests.oracle import assert_right_on_views, assert_right_twice
from part2_layers.tests.oracle_conv2d import as_pair
from part2_layers.tests.strategies import (
    BATCHES,
    CHANNELS,
    DENSE,
    LONGEST,
    NONE,
    SPARSE,
    WINDOWS,
    Window,
    gradients_of_parameters,
    sums_of_two_inputs,
    unfitting_gradients,
    without_input,
)

conv2d = probes("conv2d")

# The problems


@st.composite
def convolutions(
    draw: Draw,
    windows: Sequence[Window] = WINDOWS,
    has_bias: bool | None = None,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """A layer whose sizes are integers or pairs, an input, and the upstream gradient."""
    down, across, options = draw(windows_and_options(windows))
    batch, in_channels, out_channels, dtype = draw(batches), draw(CHANNELS), draw(CHANNELS), draw(DTYPES)
    height, width = draw(down.lengths()), draw(across.lengths())
    with_bias = draw(st.sampled_from([True, True, False])) if has_bias is None else has_bias
    return {
        "x": array(draw, (batch, in_channels, height, width), dtype=dtype),
        "weight": array(draw, (out_channels, in_channels, down.kernel, across.kernel), dtype=dtype),
        "bias": array(draw, (out_channels,), dtype=dtype) if with_bias else None,
        **options,
        "grad_output": array(draw, (batch, out_channels, down.positions(height), across.positions(width)), dtype=dtype),
    }


@st.composite
def windows_and_options(draw: Draw, windows: Sequence[Window]) -> tuple[Window, Window, Problem]:
    """A window for the height, one for the width, and what the layer is told of them: integers where they agree."""
    down = draw(st.sampled_from(windows))
    if draw(st.sampled_from([True, False, False])):
        return down, down, {"kernel_size": down.kernel, "stride": down.stride, "padding": down.padding}
    across = draw(st.sampled_from(windows))
    kernel_size, stride, padding = zip(down, across, strict=True)
    return down, across, {"kernel_size": kernel_size, "stride": stride, "padding": padding}


@st.composite
def large_convolutions(draw: Draw) -> Problem:
    """A convolution with an input so large that it holds a whole window even without its first rows and columns."""
    problem = without_gradient(draw(convolutions()))
    batch, channels, *_ = problem["x"].shape
    height, width = (LONGEST + stride for stride in as_pair(problem["stride"]))
    return {**problem, "x": array(draw, (batch, channels, height, width), dtype=problem["x"].dtype.name)}


@st.composite
def unfitting_convolutions(draw: Draw) -> Problem:
    """A convolution with one thing wrong: rank, channels, a kernel too large, or a size."""
    problem = without_gradient(draw(convolutions()))
    shape, (out_channels, channels, *_) = problem["x"].shape, problem["weight"].shape
    batch, _, height, width = shape
    ones = np.ones((out_channels, channels, 5, 5))
    shape, changes = draw(
        st.sampled_from(
            [
                ((height, width), {}),
                ((*shape, 1), {}),
                ((batch, channels + 1, height, width), {}),
                ((batch, channels % 3 + 1, height, width), {}),
                ((batch, channels, 2, 3), {"weight": ones[:, :, :3, :3], "kernel_size": 3, "padding": 0}),
                ((batch, channels, 3, 2), {"weight": ones[:, :, :3, :3], "kernel_size": (3, 3), "padding": (0, 0)}),
                ((batch, channels, 2, 2), {"weight": ones[:, :, :3], "kernel_size": (3, 5), "padding": 1}),
                (shape, {"kernel_size": (2, 0)}),
                (shape, {"stride": 0}),
                (shape, {"stride": (1, -1)}),
                (shape, {"padding": (-1, 1)}),
            ]
        )
    )
    return {**problem, **changes, "x": array(draw, shape)}


# Forward


@oracle_test("conv2d.forward")
@given(problem=convolutions(DENSE))
def test_output_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """forward compares the kernel with what lies under it at every position, over all channels, and adds the bias."""
    problem = without_gradient(problem)
    assert_right(candidate, conv2d.forward, oracle.conv2d, problem, ["output"], oracle.output_mistakes)


@oracle_test("conv2d.forward")
@given(problem=convolutions(SPARSE))
def test_output_with_stride_and_padding_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """The kernel moves by stride over an input between padding zeros; both may differ for height and width."""
    problem = without_gradient(problem)
    assert_right(candidate, conv2d.forward, oracle.conv2d, problem, ["output"], oracle.output_mistakes)


@law("conv2d.forward")
@given(drawn=sums_of_two_inputs(convolutions(has_bias=False)))
def test_forward_is_linear(candidate: Candidate, drawn: Problem) -> None:
    """Without a bias, a·x + z gives a times the output of x, plus the output of z."""
    problem, other = drawn["problem"], drawn["other"]
    x, factor = problem["x"], other.dtype.type(drawn["factor"])
    of_x, of_other, of_sum = (
        candidate.run(conv2d.forward, **{**problem, "x": value})["output"] for value in (x, other, factor * x + other)
    )
    like = oracle.conv2d(**problem)["output"]
    assert_same(of_sum, factor * checked(of_x, like) + checked(of_other, like))


@law("conv2d.forward")
@given(problem=large_convolutions())
def test_forward_is_translation_equivariant(candidate: Candidate, problem: Problem) -> None:
    """An input that is moved by a stride gives an output that is moved by one step, away from the padding."""
    (down, across), x = as_pair(problem["stride"]), problem["x"]
    whole, moved = (
        checked(candidate.run(conv2d.forward, **shifted)["output"], oracle.conv2d(**shifted)["output"])
        for shifted in (problem, {**problem, "x": x[:, :, down:, across:]})
    )
    # the first windows without padding above them and to their left
    top, left = (
        -(-padding // stride) for padding, stride in zip(as_pair(problem["padding"]), (down, across), strict=True)
    )
    assert_same(moved[:, :, top:, left:], whole[:, :, top + 1 :, left + 1 :])


@law("conv2d.forward")
@given(problem=unfitting_convolutions())
def test_what_does_not_fit_is_refused(candidate: Candidate, problem: Problem) -> None:
    """Another rank, other channels, a kernel larger than the padded input, and impossible sizes are ValueErrors."""
    candidate.raises(ValueError, conv2d.forward, **problem)


@law("conv2d.forward")
@given(problem=convolutions())
def test_integers_are_refused(candidate: Candidate, problem: Problem) -> None:
    """Integer input is a TypeError, as in torch."""
    integers = {**without_gradient(problem), "x": problem["x"].astype(np.int64)}
    candidate.raises(TypeError, conv2d.forward, **integers)


@law("conv2d.forward")
@given(problem=convolutions())
def test_the_state_dict_is_torchs(candidate: Candidate, problem: Problem) -> None:
    """The state dict of torch's layer goes in, and comes out again with torch's names and shapes, in float32."""
    weight, bias = problem["weight"], problem["bias"]
    state = oracle.state_dict(weight.astype(np.float32), None if bias is None else bias.astype(np.float32))
    out_channels, in_channels, *kernel_size = weight.shape
    got = candidate.run(
        conv2d.exchange_state,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel_size=tuple(kernel_size),
        bias=bias is not None,
        state=state,
    )
    assert_same(got, {"names": list(state), **state})


@edge_case("conv2d.forward")
@given(problem=convolutions(batches=NONE))
def test_an_empty_batch_has_an_empty_output(candidate: Candidate, problem: Problem) -> None:
    """For a batch of none the output is empty, and has the channels and positions of any other."""
    assert_right(candidate, conv2d.forward, oracle.conv2d, without_gradient(problem), ["output"])


# Backward


@oracle_test("conv2d.backward")
@given(problem=convolutions())
def test_gradients_of_weight_and_bias_match_torch(candidate: Candidate, problem: Problem) -> None:
    """weight_grad sums g · x over the batch and all positions of the kernel, and bias_grad sums g."""
    names = gradients_of_parameters(problem)
    assert_right(candidate, conv2d.forward_and_backward, oracle.conv2d, problem, names, oracle.gradient_mistakes)


@oracle_test("conv2d.backward")
@given(problem=convolutions())
def test_gradient_of_the_input_matches_torch(candidate: Candidate, problem: Problem) -> None:
    """x_grad adds up what every position gives to the inputs under it, and is zero where the kernel never comes."""
    assert_right(candidate, conv2d.forward_and_backward, oracle.conv2d, problem, ["x_grad"], oracle.gradient_mistakes)


@oracle_test("conv2d.backward")
@given(problem=convolutions())
def test_gradients_accumulate(candidate: Candidate, problem: Problem) -> None:
    """Two backward passes add up in weight_grad and bias_grad; zero_grad starts anew."""
    assert_right_twice(candidate, conv2d.run_twice, oracle.conv2d, problem)


@law("conv2d.backward")
@given(problem=convolutions())
def test_views_are_accepted_and_left_alone(candidate: Candidate, problem: Problem) -> None:
    """Transposed and strided arguments give the same gradients, and no argument is changed."""
    assert_right_on_views(candidate, conv2d.run_on_views, oracle.conv2d, problem)


@law("conv2d.backward")
@given(drawn=unfitting_gradients(convolutions()))
def test_a_gradient_that_does_not_fit_is_refused(candidate: Candidate, drawn: Problem) -> None:
    """A gradient without the output's shape is a ValueError, and backward before forward a RuntimeError."""
    problem = drawn["problem"]
    candidate.raises(ValueError, conv2d.forward_and_backward, **{**problem, "grad_output": drawn["grad_output"]})
    candidate.raises(RuntimeError, conv2d.backward_first, **without_input(problem))


@edge_case("conv2d.backward")
@given(problem=convolutions(batches=NONE))
def test_an_empty_batch_adds_nothing(candidate: Candidate, problem: Problem) -> None:
    """A batch of none has an empty gradient, and adds zeros to those of weight and bias."""
    names = ["x_grad", *gradients_of_parameters(problem)]
    assert_right(candidate, conv2d.forward_and_backward, oracle.conv2d, problem, names)
