"""Submissions that find the wire in their own process and speak for the worker."""

import textwrap
from dataclasses import replace

from autograder.tests.attacks import BLOCKED, CRASH, NOT_ATTEMPTED, PASSED, TIMEOUT, WRONG, Attack, together

# What every forger does first: find the descriptors, the message types and the number of the request being answered.
PRELUDE = """
import fcntl, os, struct, sys, termios, threading, time
import numpy as np

wire = sys.modules["autograder.worker.wire"]
isolation = sys.modules["autograder.worker.isolation"]
REQUESTS, ANSWERS = sorted(isolation.WIRE)


def raw(data):
    while data:
        data = data[os.write(ANSWERS, data):]


def pack(value):
    return wire.msgspec.msgpack.encode(value)


def frame(payload):
    raw(struct.pack("<Q", len(payload)) + payload)


def send(message):
    frame(wire._encode_message(message))


def request_id():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("request"), "id"):
        frame = frame.f_back
    return frame.f_locals["request"].id


def answer(number, x):
    send(wire.Returned(number, wire.encode({"y": x})))
"""


INSTEAD_OF_AN_ANSWER = {
    "garbage": 'raw(b"passed" * 100)',
    "a frame of garbage": 'frame(b"\\xc1 passed")',
    "an empty frame": 'frame(b"")',
    "half a frame": 'raw(struct.pack("<Q", 100) + b"half"); os.close(ANSWERS)',
    "a frame of 2**63 bytes": 'raw(struct.pack("<Q", 2**63))',
    "a request as an answer": 'send(wire.Load(request_id(), "part1"))',
    "Ready as an answer": 'send(wire.Ready(request_id(), ["L3"], {}))',
    "Ready with 60 million layers": """
        head = pack({"type": "ready", "id": request_id(), "missing": {}, "layers": []})
        frame(head[:-1] + b"\\xdd" + struct.pack(">I", 60_000_000) + b"\\xa0" * 60_000_000)
        """,
    "an answer to another request": "answer(request_id() + 1, 2.0 * x)",
    "an answer to a negative request": "answer(-1, 2.0 * x)",
    "an answer that is no payload": 'send(wire.Returned(request_id(), b"\\xc1"))',
    "an object array": """
        array = pack(("|O", [1], bytes(8)))
        send(wire.Returned(request_id(), pack({"y": wire.msgspec.msgpack.Ext(1, array)})))
        """,
    "an exception with a text of 60 MB": 'send(wire.Raised(request_id(), ["E"], "x" * 60_000_000, []))',
    "an exception of a million classes": 'send(wire.Raised(request_id(), [""] * 10**6, "", []))',
    "an exception of a million lines": """
        line = pack({"path": "", "line": 0, "function": ""})
        head = pack({"type": "raised", "id": request_id(), "kinds": [], "message": "", "frames": []})
        frame(head[:-1] + b"\\xdd" + struct.pack(">I", 10**6) + line * 10**6)
        """,
    "20 million empty lists": """
        send(wire.Returned(request_id(), b"\\xdd" + struct.pack(">I", 20_000_000) + b"\\x90" * 20_000_000))
        """,
    "a million empty lists in each of 20 tuples": """
        lists = b"\\xdd" + struct.pack(">I", 10**6) + b"\\x90" * 10**6
        each = b"\\xc9" + struct.pack(">I", len(lists)) + b"\\2" + lists
        send(wire.Returned(request_id(), b"\\xdc" + struct.pack(">H", 20) + each * 20))
        """,
    "2000 tuples in each other": """
        nested = b"\\x90"
        for _ in range(2000):
            nested = b"\\xc9" + struct.pack(">I", len(nested) + 1) + b"\\2\\x91" + nested
        send(wire.Returned(request_id(), nested))
        """,
    "every descriptor closed": "os.closerange(0, 100)",
}

OTHERS = [
    Attack(
        "a wrong answer before the right one",
        """
        def double(x):
            answer(request_id(), 3.0 * x)
            return 2.0 * x
        """,
        WRONG + CRASH,
    ),
    Attack(
        "the right answer twice",
        """
        def double(x):
            answer(request_id(), 2.0 * x)
            return 2.0 * x
        """,
        CRASH,
    ),
    Attack(
        "an answer before the question",
        """
        def double(x):
            answer(request_id(), 2.0 * x)
            answer(request_id() + 1, 2.0 * x)
            time.sleep(60)
        """,
        TIMEOUT + CRASH,
        is_slow=True,
    ),
    Attack(
        "answers to questions that stay in the pipe",
        """
        def unread():
            return int.from_bytes(fcntl.ioctl(REQUESTS, termios.FIONREAD, bytes(4)), sys.byteorder)
        def double(x):
            number, seen = request_id(), unread()
            while True:
                answer(number, 3.0 * x)
                while unread() == seen:
                    time.sleep(0.001)
                number, seen = number + 1, unread()
        """,
        WRONG + CRASH,
        WRONG + CRASH,
        WRONG + CRASH,
    ),
    Attack(
        "60 MB answers without end",
        """
        def flood(number):
            while True:
                answer(number, np.zeros(3_900_000))
                number += 1
        def double(x):
            threading.Thread(target=flood, args=(request_id(),), daemon=True).start()
            time.sleep(60)
        """,
        WRONG + CRASH,
        PASSED + WRONG + CRASH,
        PASSED + WRONG + CRASH,
    ),
    Attack(
        "an answer that says it was not attempted",
        """
        def double(x):
            send(wire.Raised(request_id(), ["NotImplementedError"], "later", []))
            time.sleep(60)
        """,
        NOT_ATTEMPTED + TIMEOUT,
        BLOCKED,
    ),
    Attack(
        "requests read away", "def double(x):\n    while True:\n        os.read(REQUESTS, 1)", TIMEOUT, is_slow=True
    ),
    Attack(
        "encode replaced",
        """
        encoded = wire.encode({"y": np.ones(1)})
        wire.encode = lambda *a: encoded
        """,
        WRONG,
        WRONG,
        WRONG,
    ),
    Attack(
        "the main loop replaced",
        "serving = sys.modules['autograder.worker.serving']\n"
        "serving._answer = lambda request, *a: wire.Returned(request.id, b'\\xc3')",
        WRONG,
        WRONG,
        WRONG,
    ),
    Attack(
        "write_message replaced",
        "wire.write_message = lambda *a: os.write(ANSWERS, b'all passed')",
        CRASH,
        CRASH,
    ),
    Attack(
        "the probe replaced",
        """
        def double(x):
            sys._getframe(1).f_globals["run_double"] = lambda x: {"y": np.ones(1), "passed": True}
            return 3.0 * x
        """,
        WRONG,
    ),
    Attack("bytes on descriptor 1", 'os.write(1, struct.pack("<Q", 5) + b"hello")', PASSED),
    Attack(
        "bytes on descriptors 0 to 63",
        """
        for descriptor in range(64):
            if descriptor not in (REQUESTS, ANSWERS):
                try:
                    os.write(descriptor, b"passed")
                except OSError:
                    pass
        """,
        PASSED,
    ),
]


def _in_double(source: str) -> str:
    """A source that does this when it is asked, and then says no more."""
    return "def double(x):\n" + textwrap.indent(together(source) + "time.sleep(60)", "    ")


ATTACKS = [
    *(
        Attack(name, together(PRELUDE, _in_double(source)), CRASH, needs="posix")
        for name, source in INSTEAD_OF_AN_ANSWER.items()
    ),
    *(replace(attack, source=together(PRELUDE, attack.source), needs="posix") for attack in OTHERS),
]
