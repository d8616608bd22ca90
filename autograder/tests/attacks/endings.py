"""Submissions that end the worker, keep it from ending, or leave something running."""

from autograder.tests.attacks import CRASH, ERROR, PASSED, TIMEOUT, WRONG, Attack

ATTACKS = [
    Attack("os._exit(0) at import", "import os\nos._exit(0)", CRASH, CRASH),
    Attack("os._exit(0) in a call", "import os\ndef double(x):\n    os._exit(0)", CRASH, says="exit code 0"),
    Attack(
        "os._exit(0) after the right answers",
        """
        import os, threading
        def double(x):
            threading.Timer(0.05, os._exit, [0]).start()
            return 2.0 * x
        """,
        PASSED + CRASH,
        PASSED + CRASH,
        PASSED + CRASH,
    ),
    Attack("sys.exit at import", "import sys\nsys.exit(0)", ERROR, ERROR, says="SystemExit"),
    Attack("sys.exit in a call", "import sys\ndef double(x):\n    sys.exit(0)", ERROR, says="SystemExit"),
    Attack("quit in a call", "def double(x):\n    raise SystemExit('100 / 100')", ERROR),
    Attack("abort", "import os\ndef double(x):\n    os.abort()", CRASH, says="SIGABRT", needs="posix"),
    Attack(
        "a signal to itself",
        "import os, signal\ndef double(x):\n    os.kill(os.getpid(), signal.SIGKILL)",
        CRASH,
        says="SIGKILL",
        needs="posix",
    ),
    Attack(
        "a stop signal to itself",
        "import os, signal\ndef double(x):\n    os.kill(os.getpid(), signal.SIGSTOP)",
        TIMEOUT,
        needs="posix",
        is_slow=True,
    ),
    Attack(
        "an alarm",
        "import signal, time\ndef double(x):\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    time.sleep(9)",
        CRASH,
        says="SIGALRM",
        needs="posix",
    ),
    Attack(
        "signals ignored",
        """
        import signal
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        def double(x):
            while True:
                pass
        """,
        TIMEOUT,
        needs="posix",
        is_slow=True,
    ),
    Attack(
        "its group killed",
        "import os, signal\ndef double(x):\n    os.killpg(0, signal.SIGKILL)",
        CRASH,
        needs="posix",
    ),
    Attack(
        "the judge killed",
        """
        import os, signal
        def double(x):
            os.kill(os.getppid(), signal.SIGKILL)
        """,
        ERROR,
        says="PermissionError",
        needs="root",
    ),
    Attack(
        "everybody killed",
        "import os, signal\ndef double(x):\n    os.kill(-1, signal.SIGKILL)\n    return 2.0 * x",
        PASSED + ERROR,
        needs="root",
    ),
    Attack("endless recursion", "def double(x):\n    return double(x)", ERROR, says="RecursionError"),
    Attack(
        "deep recursion in C",
        """
        import sys
        sys.setrecursionlimit(10**9)
        def double(x):
            return [*map(double, [x])]
        """,
        CRASH + ERROR,  # since Python 3.12 calls through C have a limit of their own, which nobody can raise
    ),
    Attack(
        "standard output closed",
        "import sys\ndef double(x):\n    sys.stdout.close()\n    return 2.0 * x",
        CRASH,
        PASSED + CRASH,
        PASSED + CRASH,
    ),
    Attack("standard output replaced", "import io, sys\nsys.stdout = sys.stderr = io.StringIO()", PASSED),
    Attack(
        "work left for the end",
        """
        import atexit, os, sys, threading, weakref
        def late(*_):
            os.write(max(sys.modules["autograder.worker.isolation"].WIRE), b"all passed")
        atexit.register(late)
        threading._register_atexit(late)
        weakref.finalize(late, late)
        sys.unraisablehook = sys.excepthook = threading.excepthook = late
        """,
        PASSED,
    ),
    Attack(
        "threads that never end",
        """
        import threading
        def spin():
            while True:
                pass
        for _ in range(3):
            threading.Thread(target=spin, daemon=False).start()
        """,
        PASSED,
    ),
    Attack(
        "a child that answers as well",
        """
        import os
        def double(x):
            os.fork()
            return 2.0 * x
        """,
        CRASH + WRONG,
        PASSED + CRASH + WRONG,
        PASSED + CRASH + WRONG,
        needs="posix",
    ),
    Attack(
        "a child in a session of its own that keeps the wire",
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            time.sleep(300)
        """,
        PASSED,
        needs="posix",
    ),
    Attack(
        "an orphan in a session of its own that keeps the wire of a dead worker",
        """
        import os, time
        def double(x):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(300)
                os._exit(0)
            os._exit(0)
        """,
        TIMEOUT,
        needs="posix",
    ),
    Attack(
        "an orphan with an empty environment",
        """
        import os, sys
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execve(sys.executable, [sys.executable, "-ISc", "import time; time.sleep(300)"], {})
            os._exit(0)
        """,
        PASSED,
        needs="linux",
    ),
    Attack(
        "what its user runs stopped",
        """
        import os, signal
        worker = os.getpid()
        if os.fork() == 0:
            os.setsid()
            while True:
                os.kill(-1, signal.SIGSTOP)
                os.kill(worker, signal.SIGCONT)
        """,
        PASSED + TIMEOUT,
        PASSED + TIMEOUT,
        PASSED + TIMEOUT,
        needs="root",
    ),
    Attack(
        "what its user runs stopped and continued",
        """
        import os, signal
        if os.fork() == 0:
            os.setsid()
            while True:
                os.kill(-1, signal.SIGSTOP)
                os.kill(-1, signal.SIGCONT)
        """,
        PASSED + TIMEOUT,
        PASSED + TIMEOUT,
        PASSED + TIMEOUT,
        needs="root",
    ),
    Attack(
        "files and shared memory left behind",
        """
        import os
        for folder in ("/tmp", "/var/tmp", "/dev/shm"):
            os.makedirs(f"{folder}/left-{os.getpid()}/behind", mode=0o500)
            open(f"{folder}/left-file-{os.getpid()}", "w").close()
            os.symlink("/etc", f"{folder}/left-link-{os.getpid()}")
        os.chdir("/dev/shm")
        for _ in range(1500):
            os.mkdir("deep")
            os.chdir("deep")
        for kind in (["-M", "4096"], ["-Q"], ["-S", "1"]):
            os.spawnvp(os.P_WAIT, "ipcmk", ["ipcmk", *kind])
        """,
        PASSED,
        needs="root",
    ),
    Attack(
        "orphans that hand each other on",
        """
        import os
        if os.fork() == 0:
            os.setsid()
            while True:
                if os.fork():
                    os._exit(0)
        """,
        PASSED,
        limits={"processes": 10_000},
        needs="linux",
    ),
]
