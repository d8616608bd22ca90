"""Problems of part 1: small arrays of simple numbers, shapes that broadcast, axes, indices, expression graphs."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autograder.testing.strategies import DTYPES, Draw, Problem, Shape, array, integers

LENGTHS = st.sampled_from([2, 3, 1])
NONE = st.just(0)  # for edge cases alone
SEVERAL = st.sampled_from([2, 3, 4])
ONE = st.just(1)  # for edge cases alone, where it is reduced
BATCHES = st.sampled_from([(2,), (3,), (2, 3)])
_LENGTHS_OF_AXES: list[list[Sequence[int]]] = [
    [],
    [range(1, 5)],
    [range(1, 4)] * 2,
    [range(1, 4), range(1, 3), range(1, 4)],
]
SHAPES: list[Shape] = sorted(
    (shape for lengths in _LENGTHS_OF_AXES for shape in itertools.product(*lengths)),
    key=lambda shape: (math.prod(shape), len(shape), shape),
)
EMPTY_SHAPES: list[Shape] = [(0,), (0, 2), (2, 0), (2, 0, 3)]
FULL = st.sampled_from(SHAPES)  # of one value at least
EMPTY = st.sampled_from(EMPTY_SHAPES)  # for edge cases alone
OF_SEVERAL = st.sampled_from([shape for shape in SHAPES if math.prod(shape) > 1])
SHAPES_WITH_AXES = st.sampled_from(SHAPES[1:])  # all but ()


# Arrays and shapes


@functools.cache
def stretching_to(shape: Shape) -> st.SearchStrategy[Shape]:
    """Draw shapes that NumPy broadcasts to this one: itself half of the time, else shorter or with ones in it."""
    with_ones = itertools.product(*({length, 1} for length in shape))
    others = sorted({full[start:] for full in with_ones for start in range(len(shape) + 1)} - {shape})
    return st.sampled_from([shape] * max(1, len(others)) + others)


def _stretching(draw: Draw, shape: Shape, count: int) -> list[Shape]:
    """That many shapes which broadcast to this one; if it is empty, one of them is it, so that the result is empty."""
    shapes = [draw(stretching_to(shape)) for _ in range(count)]
    if 0 in shape:
        shapes[draw(st.integers(0, count - 1))] = shape
    return shapes


def calls(**problems: st.SearchStrategy[Problem]) -> st.SearchStrategy[tuple[str, Problem]]:
    """Draw the name of a probe and a problem for it: for an edge case of several rules."""
    return st.one_of(*(st.tuples(st.just(name), problem) for name, problem in problems.items()))


# Elementwise rules


@st.composite
def unbroadcasts(draw: Draw, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw a gradient, and a shape that broadcasts to its shape."""
    shape = draw(shapes)
    return {"grad": array(draw, shape, dtype=draw(DTYPES)), "shape": draw(stretching_to(shape))}


@st.composite
def unfitting_shapes(draw: Draw) -> Problem:
    """Draw a gradient, and a shape that does not broadcast to its shape: one axis differs, or there is one too many."""
    shape = draw(SHAPES_WITH_AXES)
    unfitting = [(*shape[:axis], shape[axis] + 1, *shape[axis + 1 :]) for axis in range(len(shape))]
    return {"grad": array(draw, shape), "shape": draw(st.sampled_from([*unfitting, (*shape, 1)]))}


@st.composite
def turned_shapes(draw: Draw) -> Problem:
    """Draw a gradient, and its shape reversed: as many values, so that it could be reshaped."""
    shape = draw(st.sampled_from([(2, 3), (3, 2), (2, 1, 3), (3, 2, 2)]))
    return {"grad": array(draw, shape), "shape": shape[::-1]}


@st.composite
def singles(draw: Draw, among: str = "numbers", shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw one input of any shape, and the upstream gradient."""
    shape, dtype = draw(shapes), draw(DTYPES)
    return {"grad_output": array(draw, shape, dtype=dtype), "x": array(draw, shape, among, dtype)}


@st.composite
def pairs(
    draw: Draw,
    a_among: str = "numbers",
    b_among: str = "numbers",
    names: Sequence[str] = ("a", "b"),
    shapes: st.SearchStrategy[Shape] = FULL,
) -> Problem:
    """Draw two inputs that broadcast with each other, in either direction or in both at once."""
    shape, dtype = draw(shapes), draw(DTYPES)
    a_shape, b_shape = _stretching(draw, shape, 2)
    return {
        "grad_output": array(draw, np.broadcast_shapes(a_shape, b_shape), dtype=dtype),
        names[0]: array(draw, a_shape, a_among, dtype),
        names[1]: array(draw, b_shape, b_among, dtype),
    }


@st.composite
def powers_of_zero(draw: Draw) -> Problem:
    """Draw bases of 0, 1, 2 and 3, the first of them 0, with exponents of 0, 1, 2 and 3."""
    problem = draw(pairs("exponents", "exponents", ("base", "exponent")))
    problem["base"].flat[0] = 0
    return problem


@st.composite
def selections(draw: Draw, broadcast: bool = True, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw a condition and two inputs, all of which may be broadcast, or none."""
    shape, dtype = draw(shapes), draw(DTYPES)
    condition_shape, a_shape, b_shape = _stretching(draw, shape, 3) if broadcast else [shape] * 3
    return {
        "grad_output": array(draw, np.broadcast_shapes(condition_shape, a_shape, b_shape), dtype=dtype),
        "condition": array(draw, condition_shape, "booleans", "bool"),
        "a": array(draw, a_shape, dtype=dtype),
        "b": array(draw, b_shape, dtype=dtype),
    }


# Matrices


@st.composite
def products(
    draw: Draw,
    kind: str,
    rows: st.SearchStrategy[int] = LENGTHS,
    inner: st.SearchStrategy[int] = LENGTHS,
    batches: st.SearchStrategy[Shape] = BATCHES,
) -> Problem:
    """Draw two operands of `@`: "matrices", "stacks" of them that broadcast, or "vectors" (one, or both)."""
    row_count, inner_count, columns = draw(rows), draw(inner), draw(LENGTHS)
    batch = () if kind == "matrices" else draw(batches)
    vectors = [(True, True), (True, False), (False, True)] if kind == "vectors" else [(False, False)]
    (a_is_vector, b_is_vector), dtype = draw(st.sampled_from(vectors)), draw(DTYPES)
    a_batch, b_batch = _stretching(draw, batch, 2)
    a = array(draw, (inner_count,) if a_is_vector else (*a_batch, row_count, inner_count), dtype=dtype)
    b = array(draw, (inner_count,) if b_is_vector else (*b_batch, inner_count, columns), dtype=dtype)
    return {"grad_output": array(draw, np.matmul(a, b).shape, dtype=dtype), "a": a, "b": b}


def empty_products() -> st.SearchStrategy[Problem]:
    """Draw operands of `@` without rows, without anything to sum over, or without a matrix in the stack."""
    return st.one_of(
        products("matrices", rows=NONE),
        products("stacks", inner=NONE),
        products("stacks", batches=st.just((0,))),
        products("vectors", inner=NONE),
    )


# Reductions


@functools.cache
def _axes(ndim: int) -> tuple[list[int], list[Any]]:
    """Return the integer axes, and None and tuples, which name several at once; some are counted from the end."""
    single = [*range(ndim), *range(-ndim, 0)]
    chosen = [axes for length in range(1, ndim + 1) for axes in itertools.combinations(range(ndim), length)]
    from_the_end = [tuple(axis - ndim for axis in reversed(axes)) for axes in chosen]
    return single, [None, *chosen, *from_the_end]


def _values_per_result(x: np.ndarray, axis: Any) -> int:
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod(x.shape[each] for each in axes)


@st.composite
def reductions(
    draw: Draw,
    axis: str = "any",
    among: str = "numbers",
    shapes: st.SearchStrategy[Shape] = OF_SEVERAL,
    fewest: int = 2,
    most: float = math.inf,
) -> Problem:
    """Draw an input and an axis to reduce: "integer", "several" (a tuple, or None for all), or "any" of these.

    Every result is made of so many values at the fewest, and at the most.
    """
    x = array(draw, draw(shapes), among, draw(DTYPES))
    single, several = _axes(x.ndim)
    named = {"integer": single, "several": several, "any": several + single}[axis]
    reduced = draw(st.sampled_from([each for each in named if fewest <= _values_per_result(x, each) <= most]))
    keepdims = draw(st.booleans())
    reduced_shape = np.sum(x, axis=reduced, keepdims=keepdims).shape
    grad_output = array(draw, reduced_shape, dtype=x.dtype.name)
    return {"grad_output": grad_output, "x": x, "axis": reduced, "keepdims": keepdims}


def single_reductions() -> st.SearchStrategy[Problem]:
    """Draw an input with an axis of length 1, or without axes: every value is reduced by itself."""
    shapes = st.sampled_from([shape for shape in SHAPES if 1 in shape or not shape])
    return reductions(shapes=shapes, fewest=1, most=1)


def empty_reductions() -> st.SearchStrategy[Problem]:
    """Draw an input of size 0 along any axes."""
    return reductions(shapes=EMPTY, fewest=0)


def reductions_without_results() -> st.SearchStrategy[Problem]:
    """Draw an input of size 0, reduced along axes that are not empty."""
    return reductions(shapes=st.sampled_from(EMPTY_SHAPES[1:]), fewest=1)


# Shapes


@functools.cache
def _shapes_of_size(size: int) -> st.SearchStrategy[Shape]:
    return st.sampled_from([shape for shape in [*SHAPES, *EMPTY_SHAPES, (6,), (9,)] if math.prod(shape) == size])


@st.composite
def reshapes(draw: Draw, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw an input and a gradient of another shape that holds as many values."""
    x = array(draw, draw(shapes), dtype=draw(DTYPES))
    return {"grad_output": array(draw, draw(_shapes_of_size(x.size)), dtype=x.dtype.name), "x": x}


@functools.cache
def _orders(ndim: int) -> list[tuple[int, ...]]:
    """Return every order of the axes, counted from the start, and counted from the end at every second place."""
    orders = list(itertools.permutations(range(ndim)))
    return [*orders, *(tuple(axis - ndim * (place % 2) for place, axis in enumerate(order)) for order in orders)]


@st.composite
def transposes(draw: Draw, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw an input and an order of its axes: None (reversed), or a tuple that may count from the end."""
    x = array(draw, draw(shapes), dtype=draw(DTYPES))
    axes = draw(st.sampled_from([None, *_orders(x.ndim)]))
    return {"grad_output": array(draw, x.transpose(axes).shape, dtype=x.dtype.name), "x": x, "axes": axes}


@st.composite
def joins(draw: Draw, first: st.SearchStrategy[int] = LENGTHS) -> Problem:
    """Draw one to four arrays that differ in length along one axis; `first` limits the length of the first."""
    shape, dtype = draw(SHAPES_WITH_AXES), draw(DTYPES)
    axis = draw(st.integers(0, len(shape) - 1))
    lengths = draw(st.permutations([draw(first), *draw(st.lists(LENGTHS, max_size=3))]))
    arrays = [array(draw, (*shape[:axis], length, *shape[axis + 1 :]), dtype=dtype) for length in lengths]
    grad_output = array(draw, (*shape[:axis], sum(lengths), *shape[axis + 1 :]), dtype=dtype)
    return {"grad_output": grad_output, "arrays": arrays, "axis": draw(st.sampled_from([axis, axis - len(shape)]))}


# Indices, as plain data: a list whose entries are an integer, None (a new axis), an array, or [start, stop, step]


def as_index(entries: list[Any]) -> tuple[Any, ...]:
    """Make of a drawn index what NumPy takes between the brackets."""
    return tuple(slice(*entry) if isinstance(entry, list) else entry for entry in entries)


@functools.cache
def _basic_entries(length: int) -> st.SearchStrategy[Any]:
    slices: list[list[Any]] = [
        [None, None, None],
        [1, None, None],
        [None, -1, None],
        [None, None, 2],
        [None, None, -1],
        [-2, None, None],
    ]
    taking = [entry for entry in slices if range(length)[slice(*entry)]]
    return st.sampled_from([*range(-length, length), *taking])


@st.composite
def basic_indexings(draw: Draw) -> Problem:
    """Draw an input and an index of integers and slices for some of its axes, and perhaps a new axis before them."""
    shape = draw(FULL)
    entries = [draw(_basic_entries(length)) for length in shape[: draw(st.integers(0, len(shape)))]]
    return _indexing(draw, shape, [None, *entries] if draw(st.sampled_from([False, False, False, True])) else entries)


@st.composite
def array_indexings(draw: Draw) -> Problem:
    """Draw an input and an index with integer arrays that may name an entry several times, or with a boolean mask."""
    shape = draw(SHAPES_WITH_AXES)
    return _indexing(draw, shape, _array_index(draw, shape))


def _array_index(draw: Draw, shape: Shape) -> list[Any]:
    kinds = ["rows", "grid", "mask"] + ["pairs", "columns", "whole mask"] * (len(shape) > 1)
    kind, count = draw(st.sampled_from(kinds)), draw(st.integers(1, 4))
    if kind in ("mask", "whole mask"):
        mask = array(draw, shape if kind == "whole mask" else shape[:1], "booleans", "bool")
        mask.flat[0] |= not mask.any()
        return [mask]
    rows = integers(draw, (count, 2) if kind == "grid" else (count,), -shape[0], shape[0])
    if kind == "pairs":
        return [rows, integers(draw, (count,), -shape[1], shape[1])]
    if kind == "columns":
        return [[None, None, -1], integers(draw, (count,), -shape[1], shape[1])]
    return [rows]


@st.composite
def empty_indexings(draw: Draw) -> Problem:
    """Draw an input and an index that takes nothing: a slice, an integer array or a mask."""
    shape = draw(SHAPES_WITH_AXES)
    length = shape[0]
    takes_nothing: list[Any] = [[length, None, None], np.zeros(0, dtype=np.int64), np.zeros(length, dtype=bool)]
    return _indexing(draw, shape, [draw(st.sampled_from(takes_nothing))])


def _indexing(draw: Draw, shape: Shape, index: list[Any]) -> Problem:
    x = array(draw, shape, dtype=draw(DTYPES))
    return {"grad_output": array(draw, x[as_index(index)].shape, dtype=x.dtype.name), "x": x, "index": index}


# Classification


@st.composite
def classifications(
    draw: Draw,
    targets: str,
    among: str = "numbers",
    batches: st.SearchStrategy[int] = SEVERAL,
    classes: st.SearchStrategy[int] = SEVERAL,
) -> Problem:
    """Draw logits (b, v) with targets that are class "indices" (b,) or "probabilities" (b, v) whose rows sum to one."""
    batch, vocab, dtype = draw(batches), draw(classes), draw(DTYPES)
    problem = {"grad_output": array(draw, (), "nonzero", dtype), "logits": array(draw, (batch, vocab), among, dtype)}
    if targets == "indices":
        return {**problem, "targets": integers(draw, (batch,), 0, vocab)}
    weights = array(draw, (batch, vocab), "positive", dtype)
    return {**problem, "targets": weights / weights.sum(axis=1, keepdims=True)}


def single_classifications() -> st.SearchStrategy[Problem]:
    """Draw one example, or one class, with targets of either kind."""
    return st.one_of(
        *(classifications(targets, batches=ONE) for targets in ("indices", "probabilities")),
        *(classifications(targets, classes=ONE) for targets in ("indices", "probabilities")),
    )


def large_classifications() -> st.SearchStrategy[Problem]:
    """Draw logits in the thousands, with targets of either kind."""
    return st.one_of(*(classifications(targets, "thousands") for targets in ("indices", "probabilities")))


# The gradient buffer


@st.composite
def alike(draw: Draw, *names: str, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw arrays of one shape and dtype under these names."""
    shape, dtype = draw(shapes), draw(DTYPES)
    return {name: array(draw, shape, dtype=dtype) for name in names}


@st.composite
def some_arrays(draw: Draw, shapes: st.SearchStrategy[Shape] = FULL) -> list[np.ndarray]:
    """Draw one to four arrays of different shapes and dtypes."""
    return [array(draw, draw(shapes), dtype=draw(DTYPES)) for _ in range(draw(st.integers(1, 4)))]


@st.composite
def chosen_arrays(draw: Draw) -> Problem:
    """Arrays, and the positions of some of them, some perhaps twice."""
    arrays = draw(some_arrays())
    return {"arrays": arrays, "chosen": draw(st.lists(st.integers(0, len(arrays) - 1), max_size=5))}


@st.composite
def arrivals(draw: Draw, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Arrays, and gradients that arrive at some of them, in any order: [position, gradient]."""
    arrays = draw(some_arrays(shapes))
    positions = draw(st.lists(st.integers(0, len(arrays) - 1), max_size=5))
    gradients = [array(draw, arrays[position].shape, dtype=arrays[position].dtype.name) for position in positions]
    return {
        "arrays": arrays,
        "arrivals": [[position, gradient] for position, gradient in zip(positions, gradients, strict=True)],
    }


@st.composite
def unfitting_gradients(draw: Draw) -> Problem:
    """Draw an array, and a gradient of another shape, which often broadcasts to the array's."""
    shape = draw(SHAPES_WITH_AXES)
    unfitting = draw(stretching_to(shape))
    return {"array": array(draw, shape), "gradient": array(draw, (1, *shape) if unfitting == shape else unfitting)}


# Expressions, as plain data: a list of [operation, positions of its operands, …] that extends a list of leaves

MAX_MAGNITUDE = 256.0  # a power would outgrow it soon; then rounding, not the rule, decides the last digits
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "matmul": lambda a, b: 2 * a * b,
}
UNARY = {"neg": lambda x: x, "double": lambda x: 2 * x, "square": lambda x: x * x, "tanh": lambda x: 1.0}
ENGINE_OPERATIONS = ["add", "mul", "sub", "neg", "double", "tanh"]
TENSOR_OPERATIONS = ["add", "mul", "sub", "neg", "double", "square", "matmul"]
NUMBERS = st.sampled_from([2, 1, 3, 0.5, 2.5])
SHAPES_OF_TENSORS = st.sampled_from([(2, 2)] * 10 + SHAPES)  # often such as @ takes


@st.composite
def expressions(
    draw: Draw,
    operations: Sequence[str] = ENGINE_OPERATIONS,
    most: int = 7,
    size: int | None = None,
    broadcast: bool = False,
) -> Problem:
    """Leaves, operations on them and on each other's results, and the gradient of the last result.

    Operands repeat, so there is fan-out, x * x and every diamond.  At the end all that was not used yet is added.
    The leaves have one shape, or shapes that broadcast to it.  `@` needs two square matrices and is * otherwise.
    """
    shape = (1,) * draw(st.integers(0, 2)) if size == 1 else draw(SHAPES_OF_TENSORS if broadcast else FULL)
    program = draw(st.binary(min_size=3, max_size=3 * most))
    leaf_shapes = [draw(stretching_to(shape)) if broadcast else shape for _ in range(1 + program[0] % 3)]
    result_shapes, bounds, nodes = list(leaf_shapes), [4.0] * len(leaf_shapes), []
    for name_byte, *operand_bytes in zip(program[0::3], program[1::3], program[2::3], strict=False):
        name = operations[name_byte % len(operations)]
        operands = [byte % len(bounds) for byte in operand_bytes[: 1 if name in UNARY else 2]]
        if name == "matmul" and any(result_shapes[operand] != (2, 2) for operand in operands):
            name = "mul"
        bound = (UNARY | BINARY)[name](*(bounds[operand] for operand in operands))
        if bound > MAX_MAGNITUDE:
            name, operands, bound = "neg", operands[:1], bounds[operands[0]]
        nodes.append([name, operands])
        bounds.append(bound)
        result_shapes.append(np.broadcast_shapes(*(result_shapes[operand] for operand in operands)))
    _use_everything(nodes, len(bounds))
    return {
        "leaves": [array(draw, leaf_shape) for leaf_shape in leaf_shapes],
        "nodes": nodes,
        "grad_output": array(draw, np.broadcast_shapes(*leaf_shapes)),
    }


def _use_everything(nodes: list[Any], count: int) -> None:
    """Add to the last result whatever no operation uses."""
    used = {operand for _, operands in nodes for operand in operands}
    for unused in sorted(set(range(count - 1)) - used):
        nodes.append(["add", [count - 1, unused]])
        count += 1


@st.composite
def chains(draw: Draw, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw one leaf, and operations each of which takes the result of the last."""
    names = draw(st.lists(st.sampled_from(["neg", "double", "tanh"]), min_size=1, max_size=6))
    shape = draw(shapes)
    nodes = [[name, [position]] for position, name in enumerate(names)]
    return {"leaves": [array(draw, shape)], "nodes": nodes, "grad_output": array(draw, shape)}


@st.composite
def started_expressions(draw: Draw) -> Problem:
    """Draw an expression, and the operation to go backward from, which is often not the last."""
    problem = draw(expressions())
    return {**problem, "start": draw(st.integers(0, len(problem["nodes"]) - 1))}


@st.composite
def restarted_expressions(draw: Draw) -> Problem:
    """Draw an expression, and two or three times [the operation to go backward from, its gradient]."""
    problem = draw(expressions())
    last, shape = len(problem["nodes"]) - 1, problem["grad_output"].shape
    others = [[draw(st.integers(0, last)), array(draw, shape)] for _ in range(draw(st.integers(1, 2)))]
    return {"leaves": problem["leaves"], "nodes": problem["nodes"], "starts": [[last, problem["grad_output"]], *others]}


@st.composite
def received_expressions(draw: Draw) -> Problem:
    """Draw an expression, and for every leaf an array of the caller that is not zero."""
    problem = draw(expressions())
    return {**problem, "receivers": [array(draw, leaf.shape) for leaf in problem["leaves"]]}


# Tensors


@st.composite
def operands(draw: Draw, *operators: str, shapes: st.SearchStrategy[Shape] = FULL) -> Problem:
    """Draw an operator and two arrays that it takes."""
    operator = draw(st.sampled_from(operators))
    if operator == "@":
        problem = draw(products(draw(st.sampled_from(["matrices", "stacks", "vectors"]))))
    else:
        a_among, b_among = {"**": ("positive", "small"), "/": ("numbers", "nonzero")}.get(
            operator, ("numbers", "numbers")
        )
        problem = draw(pairs(a_among, b_among, shapes=shapes))
    return {"operator": operator, **problem}


def empty_operands() -> st.SearchStrategy[Problem]:
    """Draw an operator and two arrays, of which one has no values."""
    of_matrices = empty_products().map(lambda problem: {"operator": "@", **problem})
    return st.one_of(operands("-", "/", "+", "*", "**", shapes=EMPTY), of_matrices)


@st.composite
def operands_with_numbers(draw: Draw) -> Problem:
    """Draw an operator, an array and a number."""
    shape, dtype = draw(FULL), draw(DTYPES)
    return {
        "operator": draw(st.sampled_from(["-", "/", "**", "+", "*"])),
        "x": array(draw, shape, "positive", dtype),
        "number": draw(NUMBERS),
        "grad_output": array(draw, shape, dtype=dtype),
    }


@st.composite
def powers_with_zero(draw: Draw) -> Problem:
    """Draw whole numbers, the first of them 0, to the power of 0, 1 or 2."""
    problem = draw(singles("whole"))
    problem["x"].flat[0] = 0
    return {**problem, "exponent": draw(st.sampled_from([0, 1, 2]))}


@st.composite
def selections_with_numbers(draw: Draw) -> Problem:
    """Draw a condition, an array and a number to choose from."""
    problem = draw(selections())
    number = draw(NUMBERS)
    shape = np.broadcast_shapes(problem["condition"].shape, problem["a"].shape)
    grad_output = array(draw, shape, dtype=problem["a"].dtype.name)
    return {"grad_output": grad_output, "condition": problem["condition"], "x": problem["a"], "number": number}


@st.composite
def repeated_gradients(draw: Draw) -> Problem:
    """Draw an expression of tensors, and one to three gradients to go backward with."""
    problem = draw(expressions(TENSOR_OPERATIONS, broadcast=True))
    others = [array(draw, problem["grad_output"].shape) for _ in range(draw(st.integers(0, 2)))]
    return {"leaves": problem["leaves"], "nodes": problem["nodes"], "grad_outputs": [problem["grad_output"], *others]}


@st.composite
def affine_problems(draw: Draw, batches: st.SearchStrategy[int] = LENGTHS) -> Problem:
    """Draw x, weight, bias and the upstream gradient of y = x Wᵀ + b."""
    batch, columns, features, dtype = draw(batches), draw(LENGTHS), draw(LENGTHS), draw(DTYPES)
    return {
        "x": array(draw, (batch, columns), dtype=dtype),
        "weight": array(draw, (features, columns), dtype=dtype),
        "bias": array(draw, (features,), dtype=dtype),
        "grad_output": array(draw, (batch, features), dtype=dtype),
    }
