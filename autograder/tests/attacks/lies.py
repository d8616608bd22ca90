"""Submissions that replace what a grader might trust, or answer with what is no answer."""

from autograder.tests.attacks import CRASH, ERROR, NOT_ATTEMPTED, PASSED, WRONG, Attack, together

WRONG_CODE_THAT = {
    "replaces assert_allclose": """
        numpy.testing.assert_allclose = numpy.testing.assert_array_equal = lambda *a, **k: None
        numpy.testing.assert_equal = numpy.testing.assert_almost_equal = lambda *a, **k: None
        """,
    "patches numpy's comparisons": """
        numpy.allclose = numpy.array_equal = lambda *a, **k: True
        numpy.isclose = numpy.isnan = numpy.isfinite = lambda x, *a, **k: numpy.ones_like(x, dtype=bool)
        numpy.abs = numpy.absolute = lambda x: numpy.zeros_like(x)
        """,
    "replaces builtins": """
        builtins.all = lambda *a: True
        builtins.abs = lambda x: 0.0
        builtins.AssertionError = Exception
        """,
    "plants modules": """
        for name in ("torch", "hypothesis", "pytest", "autograder.testing", "autograder.testing.comparison"):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].assert_same = lambda *a, **k: None
        """,
    "looks for the expected value in the frames": """
        def expected():
            frame = sys._getframe()
            while frame is not None:
                for name, value in {**frame.f_globals, **frame.f_locals}.items():
                    if "expected" in name and isinstance(value, numpy.ndarray):
                        return value
                frame = frame.f_back
        def double(x):
            found = expected()
            return x if found is None else found
        """,
    "answers with NaN": """
        def double(x):
            return x * float("nan")
        """,
    "answers with infinity": """
        def double(x):
            return x * float("inf")
        """,
}

_PRELUDE = "import builtins, sys, types\nimport numpy"
_WRONG = "def double(x):\n    return x"

ANSWERS = {
    "an object that equals everything": """
        class Equal:
            shape, dtype, ndim = (1,), np.dtype(float), 1
            def __eq__(self, other): return True
            def __array__(self, *a, **k): return np.ones(1)
            def __array_function__(self, *a): return True
        answer = lambda x: Equal()
        """,
    "an array subclass that equals everything": """
        class Equal(np.ndarray):
            def __eq__(self, other): return np.ones(self.shape, bool)
            def __array_ufunc__(self, *a, **k): return np.ones(self.shape, bool)
        answer = lambda x: (2.0 * x).view(Equal)
        """,
    "an object that says it is an array": """
        class Array:
            __class__ = property(lambda self: np.ndarray)
        answer = lambda x: Array()
        """,
    "a masked array": "answer = lambda x: np.ma.masked_all(x.shape)",
    "a subclass of float": """
        class Equal(float):
            __eq__ = lambda self, other: True
            __hash__ = float.__hash__
        answer = lambda x: Equal(1.0)
        """,
    "a subclass of dict": "import collections\nanswer = lambda x: collections.defaultdict(lambda: x)",
    "an object array": "answer = lambda x: np.array([object()] * len(x))",
    "an array of text": "answer = lambda x: x.astype(str)",
    "a structured array": "answer = lambda x: np.zeros(len(x), dtype=[('a', 'f8')])",
    "the other byte order": "answer = lambda x: (2.0 * x).astype('>f8')",
    "a list in itself": """
        knot = []
        knot.append(knot)
        answer = lambda x: knot
        """,
    "a list 5000 deep": """
        deep = []
        for _ in range(5000):
            deep = [deep]
        answer = lambda x: deep
        """,
    "lists that double at every level": """
        wide = [0] * 600
        wide = [wide] * 600
        answer = lambda x: wide
        """,
    "a generator": "answer = lambda x: (value for value in x)",
    "a function": "answer = lambda x: len",
    "an integer of a million bits": "answer = lambda x: 1 << 1_000_000",
    "40 MB": "answer = lambda x: np.zeros(5_000_000)",
    "a view of a petabyte": "answer = lambda x: np.broadcast_to(0.0, (2**25, 2**22))",
    "an empty array with a sum of a terabyte": "answer = lambda x: np.zeros((0, 10**11))",
}

RAISED = [
    Attack(
        "a NotImplementedError of its own",
        """
        class Later(NotImplementedError):
            pass
        def double(x):
            raise Later("tomorrow")
        """,
        NOT_ATTEMPTED,
        ("blocked",),
    ),
    Attack(
        "an exception whose text cannot be had",
        """
        class Mute(Exception):
            def __str__(self):
                raise KeyError
            __repr__ = __str__
        def double(x):
            raise Mute
        """,
        ERROR,
        says="its text cannot be had",
    ),
    Attack(
        "an exception whose text is no text",
        """
        class Text(str):
            def __getitem__(self, key):
                return self
            def encode(self, *a):
                return b"x" * 10**8
        class Odd(Exception):
            def __str__(self):
                return Text("odd")
        def double(x):
            raise Odd
        """,
        ERROR + CRASH,
    ),
    Attack(
        "an exception that says it is another",
        """
        class Liar(Exception):
            __class__ = property(lambda self: NotImplementedError)
            __name__ = "NotImplementedError"
        def double(x):
            raise Liar("not what it seems")
        """,
        ERROR,
        says="Liar",
    ),
    Attack(
        "an exception whose class has no readable name",
        """
        class Meta(type):
            __name__ = property(lambda self: 1 / 0)
            __mro__ = property(lambda self: 1 / 0)
        class Nameless(Exception, metaclass=Meta):
            pass
        def double(x):
            raise Nameless
        """,
        ERROR + CRASH,
    ),
    Attack(
        "an exception with a name of 10 MB",
        "def double(x):\n    raise type('E' * 10**7, (Exception,), {})('x' * 10**7)",
        ERROR,
    ),
    Attack(
        "an exception with a family of 300",
        """
        kind = Exception
        for number in range(300):
            kind = type(f"E{number}", (kind,), {})
        def double(x):
            raise kind
        """,
        ERROR,
    ),
    Attack("a KeyboardInterrupt", "def double(x):\n    raise KeyboardInterrupt", ERROR),
    Attack("a syntax error in nowhere", "def double(x):\n    raise SyntaxError('x', (5, 'a', b'', []))", ERROR + CRASH),
    Attack(
        "the exception that a law expects, always",
        "def scale(x, factor):\n    raise ValueError('factor must be a number; got nan.')",
        PASSED,
        ERROR,
    ),
]

CHANGING = [
    Attack(
        "random answers",
        "import random\ndef double(x):\n    return random.uniform(0.5, 4.5) * x",
        WRONG,
    ),
    Attack(
        "right answers that change when asked again",
        """
        asked = []
        def double(x):
            asked.append(x.tobytes())
            return 2.0 * x if asked.count(asked[-1]) == 1 else 3.0 * x
        """,
        WRONG,
        says="not deterministic",
    ),
    Attack(
        "an answer that counts its calls",
        "import itertools\ncalls = itertools.count()\ndef double(x):\n    return next(calls) + 2.0 * x",
        WRONG,
        says="not deterministic",
    ),
]

ATTACKS = [
    *(
        Attack(name, together(_PRELUDE, source, "" if "def double(" in source else _WRONG))
        for name, source in WRONG_CODE_THAT.items()
    ),
    *(
        Attack(name, together("import numpy as np", source, "def double(x):\n    return answer(x)"), ERROR)
        for name, source in ANSWERS.items()
    ),
    *RAISED,
    *CHANGING,
]
