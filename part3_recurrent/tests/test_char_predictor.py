"""CharacterPredictor against the same model of torch's modules, and its texts against torch's probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograder.testing import Candidate, assert_right, assert_same, checked, edge_case, law, oracle_test, probes
from autograder.testing.strategies import DTYPES, Draw, Problem, array, integers, parameters, without_gradient
from part3_recurrent.tests import oracle_char_predictor as oracle
from part3_recurrent.tests.strategies import LENGTHS, NONE, TIMES

predictor = probes("char_predictor")

SEEDS = st.integers(0, 2**32 - 1)
DRAWS = 600
WRITTEN = st.sampled_from([1, 2, 3, 6])
TEMPERATURES = st.sampled_from([1 / 16, 1 / 20, 1 / 24])  # a logit is below 20: nothing overflows

# The problems: forward and backward


@st.composite
def texts(draw: Draw, times: st.SearchStrategy[int] = TIMES) -> Problem:
    """Draw a model, a batch of texts, a state or none, and the upstream gradients."""
    sizes, dtype = draw(model_sizes()), draw(DTYPES)
    time, batch = draw(times), draw(st.sampled_from([1, 2, 3]))
    states = (sizes["num_layers"], batch, sizes["hidden_size"])
    has_h_0, has_h_n_grad = draw(st.booleans()), draw(st.booleans())
    return {
        "sizes": sizes,
        "state": parameters(draw, oracle.state_shapes(**sizes), dtype),
        "x": integers(draw, (time, batch), 0, sizes["vocab_size"]),
        "h_0": array(draw, states, dtype=dtype) if has_h_0 else None,
        "logits_grad": array(draw, (time, batch, sizes["vocab_size"]), dtype=dtype),
        "h_n_grad": array(draw, states, dtype=dtype) if has_h_n_grad else None,
    }


@st.composite
def texts_in_two_pieces(draw: Draw) -> Problem:
    """Draw these, and where a text of two characters at least is cut."""
    problem = draw(texts(st.sampled_from([2, 3, 4, 6])))
    return {**problem, "cut": draw(st.integers(1, len(problem["x"]) - 1))}


@st.composite
def empty_batches(draw: Draw) -> Problem:
    """Draw a model, and no text."""
    problem = draw(texts())
    of_batches = {name: problem[name] for name in ("x", "h_0", "logits_grad", "h_n_grad")}
    return {**problem, **{name: None if value is None else value[:, :0] for name, value in of_batches.items()}}


@st.composite
def model_sizes(draw: Draw) -> Problem:
    """Draw a vocabulary of two at least, and everything else small."""
    vocab_size, num_layers = draw(st.sampled_from([2, 3, 4])), draw(st.sampled_from([1, 2]))
    return {"vocab_size": vocab_size, "hidden_size": draw(LENGTHS), "num_layers": num_layers}


# The problems: generate


@st.composite
def prompts(draw: Draw, lengths: st.SearchStrategy[int] = WRITTEN) -> Problem:
    """Draw a model, a prompt, how many characters are to follow, at which temperature, and a seed."""
    sizes, dtype = draw(model_sizes()), draw(DTYPES)
    prompt = integers(draw, (draw(LENGTHS),), 0, sizes["vocab_size"])
    return {
        "sizes": sizes,
        "state": parameters(draw, oracle.state_shapes(**sizes), dtype),
        "prompt": prompt if draw(st.booleans()) else prompt.tolist(),
        "length": draw(lengths),
        "temperature": draw(st.sampled_from([1.0, 2.0, 0.5])),
        "seed": draw(SEEDS),
    }


@st.composite
def cold_prompts(draw: Draw, temperatures: st.SearchStrategy[float] = TEMPERATURES) -> Problem:
    """Draw a temperature that leaves one choice, and weights so large that the choice depends on the whole text."""
    sizes = {"vocab_size": draw(st.sampled_from([4, 3, 2])), "hidden_size": 4, "num_layers": draw(st.integers(1, 2))}
    prompt = integers(draw, (draw(LENGTHS),), 0, sizes["vocab_size"])
    state = parameters(draw, oracle.state_shapes(**sizes))
    return {
        "sizes": sizes,
        "state": {name: 4 * value for name, value in state.items()},
        "prompt": prompt if draw(st.booleans()) else prompt.tolist(),
        "length": draw(st.sampled_from([1, 2, 4, 6])),
        "temperature": draw(temperatures),
        "seed": draw(SEEDS),
    }


@st.composite
def near_equal_choices(draw: Draw) -> Problem:
    """Draw a vocabulary of eight, at a temperature at which none is drawn with a probability above 1/5.

    So two texts of 20 characters are equal by chance in less than one of 10¹³ times.
    """
    problem = draw(prompts())
    sizes = {"vocab_size": 8, "hidden_size": 2, "num_layers": 1}
    state = parameters(draw, oracle.state_shapes(**sizes), problem["state"]["linear.weight"].dtype.name)
    return {**problem, "sizes": sizes, "state": state, "prompt": [0, 7], "length": 20, "temperature": 16.0}


@st.composite
def drawings(draw: Draw, length: int, temperatures: tuple[float, ...]) -> Problem:
    """Draw one of a few models, and a prompt: few, since each has to write hundreds of times.

    Everything but the temperature follows from the seed.
    """
    seed = draw(st.sampled_from([1, 2, 3]))
    temperature, rng = draw(st.sampled_from(temperatures)), np.random.default_rng(seed)
    sizes = {"vocab_size": 3 + seed % 2, "hidden_size": 3, "num_layers": 1}
    shapes, dtype = oracle.state_shapes(**sizes), "float32" if seed == 3 else "float64"
    return {
        "sizes": sizes,
        "state": {name: rng.uniform(-2, 2, shape).astype(dtype) for name, shape in shapes.items()},
        "prompt": rng.integers(0, sizes["vocab_size"], 3).tolist(),
        "length": length,
        "temperature": temperature,
        "seed": seed,
    }


# Forward


@oracle_test("char_predictor.forward")
@given(problem=texts())
def test_logits_and_state_match_torch(candidate: Candidate, problem: Problem) -> None:
    """forward gives logits after every character, and the last states of all layers."""
    arguments, mistakes = without_gradient(problem), oracle.forward_mistakes
    assert_right(candidate, predictor.forward, oracle.predictor, arguments, mistakes=mistakes)


@oracle_test("char_predictor.forward")
@given(problem=texts_in_two_pieces())
def test_a_text_may_be_read_in_pieces(candidate: Candidate, problem: Problem) -> None:
    """Read in two pieces, the second from the state after the first, a text has the same logits and states."""
    whole = {name: value for name, value in without_gradient(problem).items() if name != "cut"}
    got = candidate.run(predictor.forward_in_two_pieces, **whole, cut=problem["cut"])
    assert_same(got, oracle.predictor(**whole))


@edge_case("char_predictor.forward")
@given(problem=empty_batches())
def test_no_texts_have_no_logits(candidate: Candidate, problem: Problem) -> None:
    """A batch of no texts gives empty logits and states of the right shapes."""
    arguments, mistakes = without_gradient(problem), oracle.forward_mistakes
    assert_right(candidate, predictor.forward, oracle.predictor, arguments, mistakes=mistakes)


@law("char_predictor.forward")
@given(problem=texts(), place=st.sampled_from([0, -1]), wrong=st.sampled_from([-1, 4, 5]))
def test_a_character_out_of_range_is_refused(candidate: Candidate, problem: Problem, place: int, wrong: int) -> None:
    """A character outside the vocabulary is a ValueError."""
    x = problem["x"].copy()
    x.flat[place] = wrong
    candidate.raises(ValueError, predictor.forward, **{**without_gradient(problem), "x": x})


# Backward


@oracle_test("char_predictor.backward")
@given(problem=texts())
def test_gradients_match_torch(candidate: Candidate, problem: Problem) -> None:
    """backward gives the gradient of h_0, and of all parameters, those of the embedding too."""
    names, mistakes = ["h_0_grad", *(f"{name}_grad" for name in problem["state"])], oracle.backward_mistakes
    assert_right(candidate, predictor.forward_and_backward, oracle.predictor, problem, names, mistakes)


@oracle_test("char_predictor.backward")
@given(problem=texts_in_two_pieces())
def test_gradients_may_be_found_in_pieces(candidate: Candidate, problem: Problem) -> None:
    """Piece by piece from the end, h_0_grad of one as h_n_grad of the one before, the gradients are the whole's."""
    whole = {name: value for name, value in problem.items() if name != "cut"}
    names = ["h_0_grad", *(f"{name}_grad" for name in problem["state"])]
    got = candidate.run(predictor.run_in_two_pieces, **problem)
    assert_same(got, oracle.predictor(**whole), names)


@edge_case("char_predictor.backward")
@given(problem=empty_batches())
def test_no_texts_have_no_gradient(candidate: Candidate, problem: Problem) -> None:
    """For a batch of no texts the parameters' gradients stay zero."""
    sizes, state = problem["sizes"], problem["state"]
    h_0_grad = np.zeros((sizes["num_layers"], 0, sizes["hidden_size"]), state["linear.weight"].dtype)
    right = {"h_0_grad": h_0_grad, **{f"{name}_grad": np.zeros_like(value) for name, value in state.items()}}
    assert_same(candidate.run(predictor.forward_and_backward, **problem), right)


@law("char_predictor.backward")
@given(problem=texts())
def test_backward_needs_a_forward(candidate: Candidate, problem: Problem) -> None:
    """backward before any forward is a RuntimeError."""
    arguments = {name: problem[name] for name in ("sizes", "state", "logits_grad")}
    candidate.raises(RuntimeError, predictor.backward_first, **arguments)


# Generate


@oracle_test("char_predictor.generate")
@given(problem=drawings(length=1, temperatures=(1.0,)))
def test_characters_are_as_frequent_as_the_model_says(candidate: Candidate, problem: Problem) -> None:
    """Of many draws after one prompt each character has the share that softmax(logits) gives it."""
    assert_right_shares(candidate, problem, has_default_temperature=True)


@oracle_test("char_predictor.generate")
@given(problem=drawings(length=1, temperatures=(0.5, 2.0)))
def test_temperature_sharpens_or_flattens(candidate: Candidate, problem: Problem) -> None:
    """With a temperature T the shares are those of softmax(logits / T)."""
    assert_right_shares(candidate, problem)


@oracle_test("char_predictor.generate")
@given(problem=drawings(length=2, temperatures=(1.0,)))
def test_the_second_character_follows_the_first(candidate: Candidate, problem: Problem) -> None:
    """Of many pairs each has the share p(first) · p(second | first): what was drawn is read from the state before."""
    model = {name: problem[name] for name in ("sizes", "state", "temperature")}
    first, second = (np.moveaxis(is_drawn, 1, 0) for is_drawn in drawn(candidate, problem))
    vocabulary, prompt = np.arange(len(first)), np.array(problem["prompt"])
    after_each = np.vstack([np.tile(prompt[:, None], len(first)), vocabulary])
    p_first = oracle.probabilities(**model, texts=prompt[:, None])[-1, 0]
    p_second = oracle.probabilities(**model, texts=after_each)[-1]
    alone = oracle.probabilities(**model, texts=vocabulary[None])[-1]
    mistakes = {
        oracle.STATE_FORGOTTEN: p_first[:, None] * alone,
        oracle.NOT_READ: np.outer(p_first, p_first),
    }
    counts = first.astype(int) @ second.T.astype(int)
    oracle.assert_counts(f"pairs in {DRAWS} texts", counts, DRAWS, p_first[:, None] * p_second, mistakes)


@oracle_test("char_predictor.generate")
@given(problem=cold_prompts())
def test_a_cold_text_takes_the_most_probable_characters(candidate: Candidate, problem: Problem) -> None:
    """At a low temperature each character is the most probable one after all those before it."""
    assert_most_probable(candidate, problem)


@law("char_predictor.generate")
@given(problem=prompts())
def test_a_text_begins_with_its_prompt(candidate: Candidate, problem: Problem) -> None:
    """The text is the prompt and `length` characters of the vocabulary, and the prompt has not changed."""
    got = candidate.run(predictor.generate, **problem)
    text, prompt = checked(got["text"], text_like(problem), "text"), problem["prompt"]
    written = text[len(prompt) :].clip(0, problem["sizes"]["vocab_size"] - 1)
    assert_same(got, {"text": np.array([*prompt, *written]), "prompt afterwards": prompt})


@edge_case("char_predictor.generate")
@given(problem=prompts(lengths=NONE))
def test_a_text_may_be_the_prompt_alone(candidate: Candidate, problem: Problem) -> None:
    """With a length of 0 the text is the prompt, as an array of int64."""
    assert_same(candidate.run(predictor.generate, **problem)["text"], np.array(problem["prompt"]))


@edge_case("char_predictor.generate")
@given(problem=cold_prompts(st.sampled_from([1 / 1024, 1e-4, 1e-6])))
def test_a_temperature_near_zero_does_not_overflow(candidate: Candidate, problem: Problem) -> None:
    """At a temperature so low that exp(logits / T) would overflow, each character is the most probable one."""
    assert_most_probable(candidate, problem)


@law("char_predictor.generate")
@given(problem=near_equal_choices())
def test_the_generator_decides(candidate: Candidate, problem: Problem) -> None:
    """A generator in the same state gives the same text, one with another seed another."""
    one, same = (candidate.run(predictor.generate, **problem)["text"] for _ in range(2))
    assert_same({"text": same}, {"text": checked(one, text_like(problem), "text")})
    other = candidate.run(predictor.generate, **{**problem, "seed": problem["seed"] + 1})["text"]
    assert_same({"texts differ": bool((checked(other, one, "text") != one).any())}, {"texts differ": True})


@law("char_predictor.generate")
@given(problem=prompts())
def test_an_empty_prompt_is_refused(candidate: Candidate, problem: Problem) -> None:
    """A prompt without a character, a list or an array, is a ValueError."""
    for empty in (list[int](), np.zeros(0, np.int64)):
        candidate.raises(ValueError, predictor.generate, **{**problem, "prompt": empty})


@law("char_predictor.generate")
@given(problem=prompts(), length=st.sampled_from([-1, -2]))
def test_a_negative_length_is_refused(candidate: Candidate, problem: Problem, length: int) -> None:
    """A negative length is a ValueError."""
    candidate.raises(ValueError, predictor.generate, **{**problem, "length": length})


@law("char_predictor.generate")
@given(problem=prompts(), temperature=st.sampled_from([0.0, -1.0, -0.5]))
def test_a_temperature_that_is_not_positive_is_refused(
    candidate: Candidate, problem: Problem, temperature: float
) -> None:
    """A temperature of zero or below is a ValueError."""
    candidate.raises(ValueError, predictor.generate, **{**problem, "temperature": temperature})


# What the tests share


def text_like(problem: Problem) -> tuple[tuple[int], str]:
    """Give the shape and dtype of a text."""
    return (len(problem["prompt"]) + problem["length"],), "int64"


def assert_most_probable(candidate: Candidate, problem: Problem) -> None:
    """Check that each character is the most probable one, or nearly so, and name a known mistake."""
    arguments = {name: problem[name] for name in ("sizes", "state", "prompt", "length")}
    text = checked(candidate.run(predictor.generate, **problem)["text"], text_like(problem), "text")
    possible = oracle.nearest_possible(**arguments, temperature=problem["temperature"], text=text)
    assert_same({"text": text}, {"text": possible}, mistakes=lambda: oracle.most_probable_mistakes(**arguments))


def drawn(candidate: Candidate, problem: Problem, has_default_temperature: bool = False) -> list[np.ndarray]:
    """Draw texts: which character each after the prompt is, as booleans (draws, vocabulary)."""
    changes = {"temperature": None} if has_default_temperature else {}
    texts = candidate.run(predictor.generate_many, **{**problem, **changes}, count=DRAWS)["texts"]
    (time,), dtype = text_like(problem)
    written = checked(texts, ((DRAWS, time), dtype), "texts")[:, len(problem["prompt"]) :]
    return [character[:, None] == np.arange(problem["sizes"]["vocab_size"]) for character in written.T]


def assert_right_shares(candidate: Candidate, problem: Problem, has_default_temperature: bool = False) -> None:
    """Check that each character is drawn about as often as its probability says, and name a known mistake."""
    (is_drawn,) = drawn(candidate, problem, has_default_temperature)
    model = {name: problem[name] for name in ("sizes", "state", "temperature")}
    right = oracle.probabilities(**model, texts=np.array(problem["prompt"])[:, None])[-1, 0]
    mistakes = oracle.drawing_mistakes(**model, prompt=problem["prompt"])
    oracle.assert_counts(f"characters in {DRAWS} draws", is_drawn.sum(axis=0), DRAWS, right, mistakes)
