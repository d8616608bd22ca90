"""Regions: what is found, and every way in which a marker can be wrong."""

from __future__ import annotations

import textwrap

import pytest

from autograder.authoring.regions import Region, StubError, regions

LAYER = '''\
"""A layer."""


class Linear:
    def forward(self, x):
        """y = x Wᵀ + b."""
        self.x = x
        ### BEGIN SOLUTION linear.forward: y = x Wᵀ + b
        y = x @ self.weight.T

        # the bias is broadcast
        return y + self.bias
        ### END SOLUTION

    @property
    def size(self):
        if self.x is None:
            return 0
        else:
            ### BEGIN SOLUTION linear.size: how many numbers x holds
            return self.x.size
            ### END SOLUTION


def outer():
    def inner():
        ### BEGIN SOLUTION linear.inner: one
        return 1
        ### END SOLUTION

    return inner
'''


def test_every_region_is_found_with_its_lines_and_its_outermost_function() -> None:
    assert regions(LAYER) == [
        Region("linear.forward", "y = x Wᵀ + b", 8, 13, "Linear.forward"),
        Region("linear.size", "how many numbers x holds", 20, 22, "Linear.size"),
        Region("linear.inner", "one", 27, 29, "outer"),
    ]


WRONG = {
    "stray end": (
        """
        def f():
            return 1
            ### END SOLUTION
        """,
        "s.py:4: END SOLUTION must close a region",
    ),
    "nested": (
        """
        def f():
            ### BEGIN SOLUTION a.b: c
            x = 1
            ### BEGIN SOLUTION a.c: d
            return x
            ### END SOLUTION
            ### END SOLUTION
        """,
        "s.py:5: regions must not be nested; got BEGIN SOLUTION inside the region of line 3",
    ),
    "unclosed": (
        """
        def f():
            ### BEGIN SOLUTION a.b: c
            return 1
        """,
        "s.py:3: a region must be closed",
    ),
    "empty": (
        """
        def f():
            ### BEGIN SOLUTION a.b: c

            # a comment is not a statement
            ### END SOLUTION
            return 1
        """,
        "s.py:3: a region must hold at least one statement",
    ),
    "no label": (
        """
        def f():
            ### BEGIN SOLUTION
            return 1
            ### END SOLUTION
        """,
        "s.py:3: a region must be labelled",
    ),
    "label without a purpose": (
        """
        def f():
            ### BEGIN SOLUTION a.b
            return 1
            ### END SOLUTION
        """,
        "s.py:3: a region must be labelled `<exercise id>: <what it is for>`; got 'a.b'",
    ),
    "label without an id": (
        """
        def f():
            ### BEGIN SOLUTION matmul: the product
            return 1
            ### END SOLUTION
        """,
        "s.py:3: a region must be labelled",
    ),
    "label on the end": (
        """
        def f():
            ### BEGIN SOLUTION a.b: c
            return 1
            ### END SOLUTION a.b
        """,
        "s.py:5: a marker must be a comment",
    ),
    "misspelt": (
        """
        def f():
            # begin solution a.b: c
            return 1
            ### END SOLUTION
        """,
        "s.py:3: a marker must be a comment",
    ),
    "without a space": (
        """
        def f():
            ###BEGIN SOLUTION a.b: c
            return 1
            ### END SOLUTION
        """,
        "s.py:3: a marker must be a comment",
    ),
    "behind code": (
        """
        def f():
            x = 1  ### BEGIN SOLUTION a.b: c
            return x
            ### END SOLUTION
        """,
        "s.py:3: a marker must be a comment",
    ),
    "in a string": (
        '''
        def f():
            """Doc.

            ### BEGIN SOLUTION a.b: c
            """
        ''',
        "s.py:5: a marker must be a comment",
    ),
    "in a short string": (
        """
        def f():
            return "### BEGIN SOLUTION"
        """,
        "s.py:3: a marker must be a comment",
    ),
    "in prose": (
        """
        def f():
            # nbgrader finds END SOLUTION here
            return 1
        """,
        "s.py:3: a marker must be a comment",
    ),
    "outside functions": (
        """
        ### BEGIN SOLUTION a.b: c
        def f():
            return 1
        ### END SOLUTION
        """,
        "s.py:2: a region must stand inside a function body",
    ),
    "in a class body": (
        """
        class A:
            ### BEGIN SOLUTION a.b: c
            x = 1
            ### END SOLUTION
        """,
        "s.py:3: a region must stand inside a function body",
    ),
    "in a list": (
        """
        def f():
            return [
                ### BEGIN SOLUTION a.b: c
                1,
                ### END SOLUTION
            ]
        """,
        "s.py:4: a region must hold whole statements",
    ),
    "in a header": (
        """
        def f(
            ### BEGIN SOLUTION a.b: c
            x,
            ### END SOLUTION
        ):
            return x
        """,
        "s.py:3: a region must hold whole statements",
    ),
    "a loop without its head": (
        """
        def f():
            for i in range(3):
                ### BEGIN SOLUTION a.b: c
                x = i
            y = x
            ### END SOLUTION
            return y
        """,
        "s.py:4: a region must hold whole statements",
    ),
    "a branch with the next one's `else`": (
        """
        def f(x):
            if x:
                y = 0
                ### BEGIN SOLUTION a.b: c
                y = 1
            else:
                ### END SOLUTION
                y = 2
            return y
        """,
        "s.py:5: a region must hold whole statements",
    ),
    "an `except` without its `try`": (
        """
        def f(x):
            try:
                return x[0]
            ### BEGIN SOLUTION a.b: c
            except IndexError:
                return 0
            ### END SOLUTION
        """,
        "s.py:5: a region must hold whole statements",
    ),
    "a function without its decorator": (
        """
        def f():
            @property
            ### BEGIN SOLUTION a.b: c
            def g():
                return 1
            ### END SOLUTION
            return g
        """,
        "s.py:4: a region must hold whole statements",
    ),
    "the docstring": (
        '''
        def f():
            ### BEGIN SOLUTION a.b: c
            """The learner needs this."""
            return 1
            ### END SOLUTION
        ''',
        "s.py:3: a docstring must be given to the learner",
    ),
    "begin indented otherwise": (
        """
        def f():
        ### BEGIN SOLUTION a.b: c
            return 1
            ### END SOLUTION
        """,
        "s.py:3: a marker must be indented as its region is; got 0 spaces. Indent it by 4",
    ),
    "end indented otherwise": (
        """
        def f():
            ### BEGIN SOLUTION a.b: c
            return 1
        ### END SOLUTION
        """,
        "s.py:5: a marker must be indented as its region is; got 0 spaces. Indent it by 4",
    ),
    "not Python": (
        """
        def f(:
            return 1
        """,
        "s.py:2: the file must be valid Python; got invalid syntax",
    ),
    "no region": ("x = 1\n", "s.py:1: a solution must hold at least one region"),
    "carriage return": ("x = 1\r\ny = 2\r\n", "s.py:1: a solution must hold nothing but plain lines; got a carriage"),
    "tab": ("def f():\n\treturn 1\n", "s.py:2: a solution must hold nothing but plain lines; got a tab"),
    "form feed": ("x = 1\n\f\n", "s.py:2: a solution must hold nothing but plain lines; got the control character"),
    "byte order mark": ("\ufeffx = 1\n", "s.py:1: a solution must hold nothing but plain lines; got a byte order mark"),
}


@pytest.mark.parametrize(("source", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_region_is_an_error_with_file_and_line(source: str, message: str) -> None:
    with pytest.raises(StubError) as caught:
        regions(textwrap.dedent(source), "s.py")
    assert str(caught.value).startswith(message)
    assert caught.value.advice.endswith(".")  # the next step


def test_a_comment_about_solutions_is_no_marker() -> None:
    assert len(regions(LAYER + "# A solution may begin anywhere.\n")) == 3
