"""Known mistakes in the gradient buffer."""

from __future__ import annotations

from functools import partial

from autograder.authoring.mistakes import mistake

add_spot = partial(mistake, "gradient_buffer.add_spot")
update = partial(mistake, "gradient_buffer.update")

MISTAKES = (
    add_spot(
        "buffer: by value",
        ("id(array)", "(array.tobytes() + str(array.shape).encode())"),
        says="an array with the numbers of another is taken for it; look for this very array",
    ),
    add_spot(
        "buffer: keeps nothing alive",
        (
            ("self._arrays[id(array)] = array\n        ### END SOLUTION\n\n    def update"),
            ("self._arrays[id(array)] = None\n        ### END SOLUTION\n\n    def update"),
        ),
    ),
    add_spot(
        "buffer: in is == ",
        (
            ("return id(array) in self._arrays\n        ### END"),
            (
                "return any(a.shape == array.shape and (a == array).all() for a in "
                "self._arrays.values())\n"
                "        ### END"
            ),
        ),
        says="an array with the numbers of another is taken for it; look for this very array",
    ),
    add_spot(
        "buffer: get without a spot",
        (
            ("        self._require_spot(array)\n        arrived = self._gradients.get(id(array))\n        return"),
            ("        arrived = self._gradients.get(id(array))\n        return"),
        ),
        says="an array without a spot gets zeros; get must refuse it",
    ),
    add_spot(
        "buffer: get float64 zeros",
        ("np.zeros_like(array)", "np.zeros(array.shape)"),
        says="the values are right and their dtype is not: float64 instead of float32",
    ),
    add_spot(
        "buffer: clear forgets gradients only",
        ("        self._arrays.clear()\n", ""),
        says="clear leaves the spots; it must forget them",
    ),
    update(
        "buffer: clear keeps gradients",
        ("        self._gradients.clear()\n", ""),
        says="clear leaves the gradients; it must forget them",
    ),
    update(
        "buffer: overwrites",
        ("np.array(gradient) if arrived is None else np.asarray(arrived + gradient)", "np.array(gradient)"),
        says="a new gradient replaces the old one; gradients add up",
    ),
    update(
        "buffer: keeps the first",
        (
            "np.array(gradient) if arrived is None else np.asarray(arrived + gradient)",
            "np.array(gradient) if arrived is None else arrived",
        ),
        says="only the first gradient is kept; gradients add up",
    ),
    update(
        "buffer: aliases the first",
        (
            (
                "        self._gradients[id(array)] = np.array(gradient) if arrived is None else "
                "np.asarray(arrived + gradient)"
            ),
            ("        if arrived is None: self._gradients[id(array)] = gradient\n        else: arrived += gradient"),
        ),
        says="the gradient that arrives first is kept itself, and changed when more arrives; keep a copy",
    ),
    update(
        "buffer: spot resets",
        (
            ("        self._arrays[id(array)] = array\n        ### END SOLUTION\n\n    def update"),
            (
                "        self._arrays[id(array)] = array\n"
                "        self._gradients.pop(id(array), None)\n"
                "        ### END SOLUTION\n"
                "\n"
                "    def update"
            ),
        ),
        says="gradient is zero everywhere",
    ),
    update("buffer: broadcasts", ("if gradient.shape != array.shape:", "if False:")),
    update(
        "buffer: update makes a spot",
        (
            ("        self._require_spot(array)\n        if gradient.shape"),
            ("        self._arrays[id(array)] = array\n        if gradient.shape"),
        ),
        says="update makes the spot that is missing; it must refuse the array",
    ),
)
