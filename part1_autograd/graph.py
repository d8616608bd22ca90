"""Pictures of a tape: which operation uses what.

print(to_dot(loss))       # for Graphviz: dot -Tsvg
draw(loss, "loss.png")    # for machines without it: layers, crossings and curves are worked out here

Both take a Tensor (what it was computed from) or an engine (its whole tape).
Boxes are leaves, rounded boxes are operations with the shape of their output; constants are not on the tape.
The layout follows Sugiyama, Tagawa & Toda 1981, "Methods for visual understanding of hierarchical system structures".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAF, OPERATION, BEND = "leaf", "operation", "bend"
COLORS = {LEAF: "#dbe9f6", OPERATION: "#fdf0d5"}
LINE_COLOR = "#44546a"
HEIGHT, LAYER_DISTANCE, GAP, LETTER = 0.5, 1.0, 0.25, 0.09  # inches: of a node, between layers and nodes, of a letter
SWEEPS = 12  # over the layers, down and up; more change nothing in graphs of a readable size


@dataclass(eq=False)
class Node:
    """A leaf, an operation, or a bend: the point where a long edge passes a layer."""

    kind: str
    label: str = ""
    layer: int = 0
    x: float = 0.0
    sources: list[Node] = field(default_factory=list)
    targets: list[Node] = field(default_factory=list)

    @property
    def width(self) -> float:
        """In inches."""
        return max((LETTER * len(line) for line in self.label.split("\n")), default=0.0) + 0.3 * (self.kind != BEND)


def to_dot(tensor_or_engine: Any) -> str:
    """Write the graph in Graphviz' language."""
    nodes = trace(tensor_or_engine)
    names = {node: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["digraph tape {", '  node [shape=box, fontname="Helvetica"];']
    for node in nodes:
        label = node.label.replace('"', '\\"').replace("\n", "\\n")
        style = "filled" if node.kind == LEAF else "filled,rounded"
        lines.append(f'  {names[node]} [label="{label}", style="{style}", fillcolor="{COLORS[node.kind]}"];')
    lines += [f"  {names[source]} -> {names[node]};" for node in nodes for source in node.sources]
    return "\n".join([*lines, "}"]) + "\n"


def draw(tensor_or_engine: Any, path_or_axes: str | Path | Axes | None = None) -> Axes:
    """Draw the graph, leaves at the top, into a file, into given axes, or into a new figure."""
    layers = arrange(trace(tensor_or_engine))
    left = min(node.x - node.width / 2 for layer in layers for node in layer) - GAP
    right = max(node.x + node.width / 2 for layer in layers for node in layer) + GAP
    height = LAYER_DISTANCE * len(layers)
    if path_or_axes is None:
        from matplotlib import pyplot

        axes = filled(pyplot.figure(figsize=(right - left, height)))
    elif isinstance(path_or_axes, str | Path):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(right - left, height))
        axes = filled(figure)
    else:
        axes = path_or_axes
    axes.set(xlim=(left, right), ylim=(height - LAYER_DISTANCE / 2, -LAYER_DISTANCE / 2))
    axes.axis("off")
    for layer in layers:
        for node in layer:
            if node.kind != BEND:
                paint(axes, node)
    if isinstance(path_or_axes, str | Path):
        figure.savefig(path_or_axes, dpi=150)
    return axes


# What is on the tape


def trace(tensor_or_engine: Any) -> list[Node]:
    """List the leaves and operations of a tape, in order of use; for a Tensor only those that it was computed from.

    Raises ValueError if there is no operation.
    """
    engine = tensor_or_engine if hasattr(tensor_or_engine, "operation_list") else tensor_or_engine.autograd
    tape = [] if engine is None else list(engine.operation_list)
    if engine is not tensor_or_engine:
        tape = leading_to(tensor_or_engine.data, tape)
    if not tape:
        raise ValueError("the tape must hold an operation to draw; got none. Was the tape dropped by zero_grad?")
    nodes: list[Node] = []
    node_of: dict[int, Node] = {}  # by the identity of the array that a node stands for
    for inputs, output, _, backward_operation in tape:
        operation = Node(OPERATION, f"{name_of(backward_operation)}\n{tuple(output.shape)}")
        for array in inputs:
            if id(array) not in node_of:
                node_of[id(array)] = Node(LEAF, f"leaf\n{tuple(array.shape)}")
                nodes.append(node_of[id(array)])
            node_of[id(array)].targets.append(operation)
            operation.sources.append(node_of[id(array)])
        node_of[id(output)] = operation
        nodes.append(operation)
    return nodes


def leading_to(array: Any, tape: list[Any]) -> list[Any]:
    """List the operations that an array was computed with."""
    needed, found = {id(array)}, []
    for operation in reversed(tape):
        inputs, output, _, _ = operation
        if id(output) in needed:
            needed.update(map(id, inputs))
            found.append(operation)
    return found[::-1]


def name_of(backward_operation: Callable[..., Any]) -> str:
    """`sum axis=0` for partial(sum_backward, axis=0, keepdims=False), and for whatever wraps it."""
    while hasattr(backward_operation, "__wrapped__"):
        backward_operation = backward_operation.__wrapped__
    options = ""
    if isinstance(backward_operation, partial):
        given = {name: value for name, value in backward_operation.keywords.items() if name in ("axis", "axes")}
        options = "".join(f" {name}={value}" for name, value in given.items() if value is not None)
        backward_operation = backward_operation.func
    name = getattr(backward_operation, "__name__", type(backward_operation).__name__)
    return name.removesuffix("_backward") + options


# Layout


def arrange(nodes: list[Node]) -> list[list[Node]]:
    """Give every node a layer and an x. Edges that pass a layer get a bend there."""
    for node in nodes:  # in the order of recording, so sources have their layer before targets
        node.layer = 1 + max((source.layer for source in node.sources), default=-1)
    for node in nodes:
        if node.kind == LEAF:
            node.layer = min(target.layer for target in node.targets) - 1  # next to its first use
    layers: list[list[Node]] = [[] for _ in range(1 + max(node.layer for node in nodes))]
    for node in [*nodes, *bends(nodes)]:
        layers[node.layer].append(node)
    for layer in layers:
        place(layer, [0.0] * len(layer))
    for _ in range(SWEEPS):
        for layer in layers[1:]:
            pull(layer, lambda node: [source.x for source in node.sources])
        for layer in layers[-2::-1]:
            pull(layer, lambda node: [port(target, target.sources.index(node)) for target in node.targets])
    return layers


def bends(nodes: list[Node]) -> list[Node]:
    """Break every edge at the layers that it passes."""
    found = []
    for node in nodes:
        for position, source in enumerate(node.sources):
            for layer in range(source.layer + 1, node.layer):
                bend = Node(BEND, layer=layer, sources=[source], targets=[node])
                source.targets[source.targets.index(node)] = bend
                source = node.sources[position] = bend
                found.append(bend)
    return found


def pull(layer: list[Node], neighbours: Callable[[Node], list[float]]) -> None:
    """Sort a layer by where its nodes' neighbours are, and move every node towards them."""
    wanted = {node: sum(xs) / len(xs) if (xs := neighbours(node)) else node.x for node in layer}
    layer.sort(key=wanted.__getitem__)
    place(layer, [wanted[node] for node in layer])


def place(layer: list[Node], wanted: list[float]) -> None:
    """Put the nodes of a layer as near as possible to where they are wanted, in order and without overlap."""
    from_left, from_right = list(wanted), list(wanted)
    distances = [(a.width + b.width) / 2 + GAP for a, b in pairwise(layer)]
    for i, distance in enumerate(distances):
        from_left[i + 1] = max(from_left[i + 1], from_left[i] + distance)
    for i, distance in reversed(list(enumerate(distances))):
        from_right[i] = min(from_right[i], from_right[i + 1] - distance)
    for node, left, right in zip(layer, from_left, from_right, strict=True):
        node.x = (left + right) / 2


def port(node: Node, position: int) -> float:
    """Return the x at which the edge of an operand enters a node: the first operand on the left."""
    return node.x + node.width * ((position + 1) / (len(node.sources) + 1) - 0.5)


# Drawing


def filled(figure: Figure) -> Axes:
    """Axes that fill the figure, whatever layout a style asks for."""
    figure.set_layout_engine("none")
    return figure.add_axes((0, 0, 1, 1))


def paint(axes: Axes, node: Node) -> None:
    """Draw a node and the edges that lead to it."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path as Curve

    y = node.layer * LAYER_DISTANCE
    for position, source in enumerate(node.sources):
        points = [(port(node, position), y - HEIGHT / 2)]
        while source.kind == BEND:
            points.insert(0, (source.x, source.layer * LAYER_DISTANCE))
            (source,) = source.sources
        points.insert(0, (source.x, source.layer * LAYER_DISTANCE + HEIGHT / 2))
        vertices = [points[0]]
        for (x_from, y_from), (x_to, y_to) in pairwise(points):
            middle = (y_from + y_to) / 2
            vertices += [(x_from, middle), (x_to, middle), (x_to, y_to)]
        curve = Curve(vertices, [Curve.MOVETO, *[Curve.CURVE4] * (len(vertices) - 1)])
        arrow = FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=9, color=LINE_COLOR, linewidth=0.8)
        axes.add_patch(arrow)
    box = FancyBboxPatch(
        (node.x - node.width / 2, y - HEIGHT / 2),
        node.width,
        HEIGHT,
        boxstyle="square,pad=0" if node.kind == LEAF else "round,pad=0,rounding_size=0.12",
        facecolor=COLORS[node.kind],
        edgecolor=LINE_COLOR,
        linewidth=0.8,
    )
    axes.add_patch(box)
    axes.text(node.x, y, node.label, ha="center", va="center", fontsize=8.5, family="monospace", color="#1f2933")
