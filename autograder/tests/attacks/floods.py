"""Submissions that take time, memory, room and processes without end."""

from autograder.tests.attacks import ERROR, MEMORY, PASSED, TIMEOUT, WRONG, Attack, together
from autograder.tests.attacks.forgeries import PRELUDE

# By what is in the payload: too large an answer for what the probe was given, told by its size alone.
LARGE_ANSWERS = {
    "an array of 30 MB": "encode({'y': np.zeros(3_750_000)})",
    "an array of 64 MB": "pack({'y': packed(np.zeros(7_999_000))})",
    "a string of 60 MB": "pack({'y': 'x' * 60_000_000})",
    "a key of 60 MB": "pack({'y' * 60_000_000: 1})",
    "an integer for each of 130 000 keys": "pack({str(key): key for key in range(130_000)})",
    "260 000 little arrays": "pack({'y': [packed(np.zeros(1))] * 260_000})",
    "260 000 empty lists": "pack({'y': [[]] * 260_000})",
    "100 000 numbers beside the right answer": "encode({'y': 2.0 * x, 'z': [0] * 100_000})",
}
_IN_PLACE_OF_THE_ANSWER = """
large, encode = [], wire.encode
wire.encode = lambda value, *name: large.pop() if large else encode(value, *name)


def packed(array):
    return wire.msgspec.msgpack.Ext(1, pack((array.dtype.str, array.shape, array.tobytes())))


def double(x):
    if x.any():
        large.append(PAYLOAD)
    return 2.0 * x
"""

ATTACKS = [
    Attack("an endless loop", "def double(x):\n    while True:\n        pass", TIMEOUT),
    Attack("an endless loop at import", "while True:\n    pass", TIMEOUT, TIMEOUT, limits={"load_seconds": 1.0}),
    Attack("an endless loop in C", "def double(x):\n    return sum(iter(int, 1))", TIMEOUT, is_slow=True),
    Attack("sleep", "import time\ndef double(x):\n    time.sleep(3600)", TIMEOUT),
    Attack(
        "a deadline that is caught",
        """
        import time
        def double(x):
            while True:
                try:
                    time.sleep(3600)
                except BaseException:
                    pass
        """,
        TIMEOUT,
        is_slow=True,
    ),
    Attack(
        "slow answers until the exercise's time is used up",
        "import time\ndef double(x):\n    time.sleep(0.6)\n    return 2.0 * x",
        TIMEOUT,
        limits={"part_seconds": 5.0},
        says="share of the part's time is used up",
    ),
    Attack(
        "slow wrong answers",
        "import time\ndef double(x):\n    time.sleep(0.4)\n    return 3.0 * x",
        shrinks=True,
    ),
    Attack(
        "answers that get slower while the failure is made small",
        """
        import itertools, time
        calls = itertools.count()
        def double(x):
            time.sleep(0.0 if next(calls) < 20 else 3600.0)
            return 3.0 * x
        """,
        shrinks=True,
    ),
    Attack("50 GB in an array", "import numpy\ndef double(x):\n    return numpy.ones(50 * 2**27)", MEMORY),
    Attack("50 GB in a bytearray", "def double(x):\n    return bytearray(50 * 2**30)", MEMORY),
    Attack(
        "memory in small pieces",
        """
        kept = []
        def double(x):
            while True:
                kept.append(bytearray(2**20))
        """,
        MEMORY,
        limits={"memory_bytes": 2**28},
        needs="linux",
    ),
    Attack(
        "memory at import",
        "kept = [bytearray(2**20) for _ in range(50_000)]",
        MEMORY,
        MEMORY,
        limits={"memory_bytes": 2**28},
        needs="linux",
    ),
    Attack(
        "its memory limit raised",
        """
        import resource
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
            try:
                resource.setrlimit(kind, (-1, -1))
            except ValueError:
                pass
        def double(x):
            return bytearray(50 * 2**30)
        """,
        MEMORY,
        needs="root",
    ),
    Attack("as many lines as a file may have", "a\n" * 131_000, ERROR, ERROR, memory=2**26),
    Attack(
        "500 MB printed",
        """
        import sys
        for _ in range(500):
            print("x" * 10**6)
        """,
        PASSED,
    ),
    Attack(
        "printing without end",
        """
        import os
        def double(x):
            while True:
                os.write(2, bytes(65536))
        """,
        TIMEOUT,
    ),
    Attack(
        "a file of 1 GB",
        """
        def double(x):
            with open("large", "wb") as file:
                for _ in range(1024):
                    file.write(bytes(2**20))
        """,
        ERROR,
        needs="posix",
    ),
    Attack(
        "10 000 open files",
        "import os\ndef double(x):\n    return [os.open(os.devnull, os.O_RDONLY) for _ in range(10_000)]",
        ERROR,
        shift=PASSED + ERROR,  # they stay open
        needs="posix",
    ),
    Attack(
        "a fork bomb",
        """
        import os
        def double(x):
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        """,
        TIMEOUT,
        limits={"processes": 24},
        needs="root",
        seconds=30.0,
    ),
    Attack(
        "a bomb of threads",
        """
        import threading, time
        def double(x):
            while True:
                threading.Thread(target=time.sleep, args=(300,)).start()
        """,
        ERROR,
        limits={"processes": 24},
        needs="root",
    ),
    Attack(
        "folders nested deeper than a path is long",
        """
        import os
        def double(x):
            for _ in range(300):
                os.mkdir("deeper")
                os.chdir("deeper")
            return 2.0 * x
        """,
        PASSED,
        needs="posix",
    ),
    Attack(
        "folders closed to their owner",
        """
        import os, pathlib
        folder = pathlib.Path("closed/inner/more")
        folder.mkdir(parents=True)
        (folder / "file").write_text("kept")
        for path in (folder, folder.parent, folder.parent.parent, pathlib.Path.cwd()):
            path.chmod(0)
        """,
        PASSED,
        needs="posix",
    ),
    *(
        Attack(
            name,
            together(PRELUDE, _IN_PLACE_OF_THE_ANSWER.replace("PAYLOAD", payload)),
            WRONG,
            says="the answer must be at most 1 MiB larger than 64 times what the probe was given",
            needs="posix",
        )
        for name, payload in LARGE_ANSWERS.items()
    ),
]
