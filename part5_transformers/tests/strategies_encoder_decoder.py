"""Problems of the encoder-decoder: small models, sources, targets, and checkpoints of language models."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers, parameters, without_gradient
from part5_transformers.tests.strategies import (
    BATCHES,
    KEYS,
    TIMES,
    attention_shapes,
    norm_shapes,
    padding,
    self_attention_shapes,
)

MAX_LEN = 12
FACTORS = {1: [1], 2: [2], 3: [3], 4: [2, 2], 6: [3, 2]}  # the strides of the convolutions, by time_reduction
ONE, SOMETIMES = st.just(1), st.booleans()
LAYERS, FEW = st.sampled_from([1, 2, 3]), st.sampled_from([1, 2])

# Models


@st.composite
def sizes_of(
    draw: Draw,
    encoder_layers: st.SearchStrategy[int] = ONE,
    decoder_layers: st.SearchStrategy[int] = ONE,
) -> Problem:
    """Draw the arguments of a small model."""
    return {
        "input_dim": draw(st.sampled_from([1, 2, 3])),
        "time_reduction": draw(st.sampled_from([2, 1, 3, 4, 6])),
        "reduction_method": "conv",
        "num_encoder_layers": draw(encoder_layers),
        "num_encoder_heads": draw(st.sampled_from([1, 2])),
        "d_ff_encoder": draw(st.sampled_from([1, 2, 3])),
        "num_decoder_layers": draw(decoder_layers),
        "num_decoder_heads": draw(st.sampled_from([2, 1])),
        "d_ff_decoder": draw(st.sampled_from([3, 1, 2])),
        "d_model": draw(st.sampled_from([4, 6])),
        "dropout": 0.0,
        "max_len": MAX_LEN,
        "num_classes": draw(st.sampled_from([2, 3, 5])),
        "weight_tying": draw(st.booleans()),
        "layer_drop_rate": 0.0,
        "skip_encoder_pe": draw(st.booleans()),
        "skip_decoder_pe": draw(st.booleans()),
    }


def encoder_shapes(sizes: Problem) -> dict[str, Shape]:
    """Return the shapes of the parameters that the encoder reads with, and of the table of positions."""
    d_model, classes = sizes["d_model"], sizes["num_classes"]
    shapes = {**positions_shape(d_model), **linear_shapes(d_model, d_model, "source_embedding.linear.")}
    for number in range(len(FACTORS[sizes["time_reduction"]])):
        prefix = f"source_embedding.layers.{number}.convolution."
        shapes |= {
            f"{prefix}weight": (d_model, d_model if number else sizes["input_dim"], 3),
            f"{prefix}bias": (d_model,),
        }
    for number in range(sizes["num_encoder_layers"]):
        shapes |= under(f"enc_layers.{number}.", self_attention_shapes(d_model, sizes["d_ff_encoder"]))
    return {**shapes, **norm_shapes(d_model, "encoder_norm."), **linear_shapes(d_model, classes, "ctc_head.")}


def decoder_shapes(sizes: Problem, looks_at_encoder: bool = True) -> dict[str, Shape]:
    """Return the shapes of the parameters that the decoder writes with, and of the table of positions.

    Without cross-attention they are a language model's.  Tied ones have no weight of their own for the logits.
    """
    d_model, classes = sizes["d_model"], sizes["num_classes"]
    shapes = {**positions_shape(d_model), "target_embedding.weight": (classes, d_model), **norm_shapes(d_model)}
    layer = self_attention_shapes(d_model, sizes["d_ff_decoder"])
    if looks_at_encoder:
        layer |= attention_shapes(d_model, "cross_attn.mha.") | norm_shapes(d_model, "cross_attn.norm.")
    for number in range(sizes["num_decoder_layers"]):
        shapes |= under(f"dec_layers.{number}.", layer)
    shapes |= linear_shapes(d_model, classes, "final_linear.")
    if sizes["weight_tying"]:
        del shapes["final_linear.weight"]
    return shapes


def positions_shape(d_model: int) -> dict[str, Shape]:
    """Return the shape of the table, which is given too: a wrong one costs nothing here."""
    return {"positional_encoding.pe": (1, MAX_LEN, d_model)}


def linear_shapes(inputs: int, outputs: int, prefix: str) -> dict[str, Shape]:
    """Return the shapes of the parameters of a linear layer."""
    return {f"{prefix}weight": (outputs, inputs), f"{prefix}bias": (outputs,)}


def under(prefix: str, shapes: dict[str, Shape]) -> dict[str, Shape]:
    """Put a prefix before every name."""
    return {prefix + name: shape for name, shape in shapes.items()}


def weights(draw: Draw, shapes: dict[str, Shape], dtype: str) -> dict[str, np.ndarray]:
    """Draw a state dict; in float32 one whose first feature is far from the others when a layer gets it.

    Where all features are nearly the same, a LayerNorm makes rounding some hundred times as large.
    """
    state = parameters(draw, shapes, dtype, scale=1 / 4 if dtype == "float64" else 1 / 16)
    if dtype == "float32":
        for name in {"source_embedding.linear.bias", "target_embedding.weight"} & state.keys():
            state[name][..., 0] += 4
    return state


# What is read and written


@st.composite
def sources(
    draw: Draw,
    encoder_layers: st.SearchStrategy[int] = LAYERS,
    batches: st.SearchStrategy[int] = BATCHES,
    steps: st.SearchStrategy[int] = KEYS,
) -> Problem:
    """Draw a model, sources of different lengths, and the upstream gradients, which are zero in the padding."""
    sizes, batch, dtype = draw(sizes_of(encoder_layers)), draw(batches), draw(DTYPES)
    time = frames_of(draw, sizes, steps)
    lengths = integers(draw, (batch,), 1, time + 1)
    return {
        "sizes": sizes,
        "state": weights(draw, encoder_shapes(sizes), dtype),
        "sources": array(draw, (batch, time, sizes["input_dim"]), dtype=dtype),
        "lengths": lengths,
        "grad_output": gradients_of_sources(draw, sizes, lengths, time, dtype),
    }


def frames_of(draw: Draw, sizes: Problem, steps: st.SearchStrategy[int] = KEYS) -> int:
    """Draw how many frames become so many steps: the last group need not be whole."""
    reduction = sizes["time_reduction"]
    return (draw(steps) - 1) * reduction + draw(st.integers(1, reduction))


def gradients_of_sources(draw: Draw, sizes: Problem, lengths: np.ndarray, time: int, dtype: str) -> Problem:
    """Draw the upstream gradients of what the encoder gives and of CTC's log-probabilities."""
    reduction, batch = sizes["time_reduction"], len(lengths)
    steps = -(-time // reduction)
    valid = np.arange(steps) < -(-lengths[:, None] // reduction)
    encoded = array(draw, (batch, steps, sizes["d_model"]), dtype=dtype)
    log_probs = array(draw, (steps, batch, sizes["num_classes"]), dtype=dtype)
    return {"encoded": encoded * valid[:, :, None], "log_probs": log_probs * valid.T[:, :, None]}


@st.composite
def heads(draw: Draw) -> Problem:
    """Draw a CTC head, what an encoder gives, its lengths, and the upstream gradient."""
    sizes, batch, steps, dtype = draw(sizes_of()), draw(BATCHES), draw(TIMES), draw(DTYPES)
    return {
        "sizes": sizes,
        "state": parameters(draw, linear_shapes(sizes["d_model"], sizes["num_classes"], "ctc_head."), dtype),
        "encoded": array(draw, (batch, steps, sizes["d_model"]), dtype=dtype),
        "lengths": integers(draw, (batch,), 1, steps + 1),
        "grad_output": {"log_probs": array(draw, (steps, batch, sizes["num_classes"]), dtype=dtype)},
    }


@st.composite
def targets(
    draw: Draw,
    padded: st.SearchStrategy[bool] = SOMETIMES,
    masked: st.SearchStrategy[bool] = SOMETIMES,
    times: st.SearchStrategy[int] = KEYS,
    batches: st.SearchStrategy[int] = BATCHES,
) -> Problem:
    """Draw a model, targets with lengths or without, an encoder's output with a mask or without, and the gradient."""
    sizes, batch, dtype = draw(sizes_of(decoder_layers=FEW)), draw(batches), draw(DTYPES)
    time, steps, classes = draw(times), draw(KEYS), sizes["num_classes"]
    return {
        "sizes": sizes,
        "state": weights(draw, decoder_shapes(sizes), dtype),
        "tokens": integers(draw, (batch, time), 0, classes),
        "lengths": integers(draw, (batch,), 1, time + 1) if draw(padded) else None,
        "encoded": array(draw, (batch, steps, sizes["d_model"]), dtype=dtype),
        "pad_mask": padding(draw, batch, steps) if draw(masked) else None,
        "grad_output": {"logits": array(draw, (batch, time, classes), dtype=dtype)},
    }


@st.composite
def pairs(draw: Draw) -> Problem:
    """Draw a model, sources and their targets, lengths of both, and the upstream gradients."""
    sizes, batch, dtype = draw(sizes_of(FEW, FEW)), draw(BATCHES), draw(DTYPES)
    frames, time, classes = frames_of(draw, sizes), draw(KEYS), sizes["num_classes"]
    source_lengths = integers(draw, (batch,), 1, frames + 1)
    of_sources = gradients_of_sources(draw, sizes, source_lengths, frames, dtype)
    return {
        "sizes": sizes,
        "state": weights(draw, {**encoder_shapes(sizes), **decoder_shapes(sizes)}, dtype),
        "sources": array(draw, (batch, frames, sizes["input_dim"]), dtype=dtype),
        "tokens": integers(draw, (batch, time), 0, classes),
        "source_lengths": source_lengths,
        "target_lengths": integers(draw, (batch,), 1, time + 1),
        "grad_output": {
            "logits": array(draw, (batch, time, classes), dtype=dtype),
            "log_probs": of_sources["log_probs"],
        },
    }


# The same with something changed


@st.composite
def other_source_padding(draw: Draw) -> tuple[Problem, Problem]:
    """Draw a problem, and the same with other numbers in the sources' padding, and more of it."""
    problem = without_gradient(draw(sources()))
    given, lengths = problem["sources"], problem["lengths"]
    batch, time, features = given.shape
    longer = array(draw, (batch, time + draw(st.sampled_from([1, 3, 0])), features), dtype=given.dtype.name)
    valid = np.arange(time) < lengths[:, None]
    longer[:, :time][valid] = given[valid]
    return problem, {**problem, "sources": longer}


@st.composite
def other_target_padding(draw: Draw) -> tuple[Problem, Problem]:
    """Draw a problem, and the same with other tokens in the targets' padding, and more of it."""
    problem = without_gradient(draw(targets(padded=st.just(True))))
    tokens, classes = problem["tokens"], problem["sizes"]["num_classes"]
    valid = np.arange(tokens.shape[1]) < problem["lengths"][:, None]
    more = integers(draw, (len(tokens), 2), 0, classes)
    other = np.where(valid, tokens, (tokens + 1) % classes)
    return problem, {**problem, "tokens": np.concatenate([other, more], axis=1)}


@st.composite
def other_encoded_padding(draw: Draw) -> tuple[Problem, Problem]:
    """Draw a problem, and the same with other numbers where the encoder's mask is True, and more of them."""
    problem = without_gradient(draw(targets(masked=st.just(True))))
    encoded, hidden = problem["encoded"], problem["pad_mask"]
    batch, steps, d_model = encoded.shape
    longer = array(draw, (batch, steps + 2, d_model), dtype=encoded.dtype.name)
    longer[:, :steps][~hidden] = encoded[~hidden]
    mask = np.concatenate([hidden, np.ones((batch, 2), dtype=bool)], axis=1)
    return problem, {**problem, "encoded": longer, "pad_mask": mask}


@st.composite
def other_later_tokens(draw: Draw) -> tuple[Problem, Problem, int]:
    """Draw a problem, the same with other tokens at the end, and how many come before them."""
    problem = without_gradient(draw(targets()))
    tokens = problem["tokens"]
    kept = draw(st.integers(1, tokens.shape[1] - 1))
    other = tokens.copy()
    other[:, kept:] = (tokens[:, kept:] + 1) % problem["sizes"]["num_classes"]
    return problem, {**problem, "tokens": other}, kept


# Prompts


@st.composite
def prompts(draw: Draw, times: st.SearchStrategy[int] = KEYS) -> Problem:
    """Draw a model, what an encoder gives, and one to three prompts for each utterance, one after another."""
    problem = draw(targets(padded=st.just(False), times=times))
    count, (batch, time) = draw(st.sampled_from([2, 1, 3])), problem["tokens"].shape
    problem["tokens"] = integers(draw, (count * batch, time), 0, problem["sizes"]["num_classes"])
    return {name: problem[name] for name in ("sizes", "state", "tokens", "encoded", "pad_mask")}


@st.composite
def searches(draw: Draw) -> tuple[Problem, list[list[int]], list[np.ndarray]]:
    """Draw prompts, the rows that two reorderings ask for, and what is read at first and after each."""
    problem = draw(prompts())
    classes, reads, moves = problem["sizes"]["num_classes"], [problem["tokens"]], []
    for _ in range(2):
        rows = integers(draw, (draw(st.integers(1, 6)),), 0, len(reads[-1]))
        further = integers(draw, (len(rows), draw(st.sampled_from([1, 2]))), 0, classes)
        reads.append(np.concatenate([reads[-1][rows], further], axis=1))
        moves.append(rows.tolist())
    return problem, moves, reads


# Language models to begin with


@st.composite
def checkpoints(draw: Draw) -> Problem:
    """Check that the config of a model, and the state dict of a language model, by itself or under "model"."""
    config = draw(sizes_of(decoder_layers=LAYERS))
    changed = draw(st.sampled_from(["nothing", "vocabulary", "tying"]))
    pretrained = {
        **config,
        "num_decoder_layers": draw(LAYERS),
        "num_classes": config["num_classes"] + (changed == "vocabulary"),
        "weight_tying": config["weight_tying"] != (changed == "tying"),
    }
    return {"config": config, "checkpoint": language_model(draw, pretrained), "is_nested": draw(st.booleans())}


def language_model(draw: Draw, sizes: Problem) -> dict[str, np.ndarray]:
    """Draw the state dict of a DecoderOnlyTransformer of these sizes; no number is the zero that a bias begins with.

    Its dtype need not be that of the model which takes it over.
    """
    shapes = decoder_shapes(sizes, looks_at_encoder=False)
    state = parameters(draw, shapes, draw(DTYPES), among="nonzero")
    embedding = state["target_embedding.weight"]
    if sizes["weight_tying"]:
        state["final_linear.weight"] = embedding.copy()  # torch names a shared weight twice
    else:
        state["final_linear.weight"][0] = embedding[0] + 1  # equal ones would count as tied
    return state
