"""A tape is drawn with a box for every leaf and operation, and an arrow from every operand."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from autograder.judge.record import Operation
from autograder.reports.tapes import BOX_HEIGHT, BOX_WIDTH, tape

SQUARE = (1, [Operation("mul", [0, 0])])
MANY = (
    3,
    [Operation("tanh", [2]), Operation("mul", [3, 0]), Operation("add", [4, 4]), Operation("add<", [5, 1])],
)


@pytest.mark.parametrize(("leaves", "operations"), [SQUARE, MANY])
def test_every_leaf_operation_and_operand_is_drawn_once_and_nothing_over_another(
    leaves: int, operations: list[Operation]
) -> None:
    picture = ElementTree.fromstring(tape(leaves, operations))
    names = [text.text for text in picture.iter("text")]
    assert names == [f"{number}: leaf" for number in range(leaves)] + [
        f"{number}: {operation.name}" for number, operation in enumerate(operations, start=leaves)
    ]
    assert len(picture.findall("path[@class='arrow']")) == sum(len(operation.operands) for operation in operations)
    corners = [(float(box.attrib["x"]), float(box.attrib["y"])) for box in picture.iter("rect")]
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    assert len(set(corners)) == len(names)
    assert all(x + BOX_WIDTH <= width and y + BOX_HEIGHT <= height for x, y in corners)


def test_arrows_lead_from_left_to_right() -> None:
    for path in re.findall(r'd="M(\S+) \S+ C[^"]* (\S+) \S+" class="arrow"', tape(*MANY)):
        assert float(path[0]) < float(path[1])


def test_the_tape_is_told_in_words_too() -> None:
    assert "<title>tape; leaves: 1; 1 = mul(0, 0)</title>" in tape(*SQUARE)
