"""Submissions of a NumPy part that use what the part may not, and say so in every way but plainly.

This is policy, not a wall: it is there for whoever forgets the rule, and for whoever bends it without much effort.
"""

from autograder.tests.attacks import BLOCKED, ERROR, PASSED, REFUSED, Attack, together

_USE = """
def double(x):
    return (sys.modules["torch"].as_tensor(x) * 2.0).numpy()
"""

# Read off the file: every exercise of the file is refused. (test_staging.py has many more.)
IN_PLAIN_SIGHT = {
    "import torch": "import torch",
    "import torch in a try": "try:\n    import torch\nexcept ImportError:\n    torch = None",
    "ctypes": "import ctypes",
    "its solution": "from PART.solution import toy",
}

# Found when it happens.
AT_IMPORT = {
    "importlib": 'import importlib\nimportlib.import_module("torch")',
    "__import__": '__import__("to" + "rch")',
    "exec": 'exec("import torch")',
    "exec under another file's name": 'exec(compile("import torch", "/usr/lib/python3/site.py", "exec"))',
    "exec under a probe's name": """
        import pathlib
        probe = str(pathlib.Path(__file__).parent / "tests" / "probe_toy.py")
        exec(compile("import scipy.optimize", probe, "exec"))
        """,
    "a function under the standard library's name": """
        import os
        exec(compile("def load():\\n    import scipy.optimize", os.__file__, "exec"))
        load()
        """,
    "exec in numpy's name": 'import numpy\nexec("import torch", vars(numpy))',
    "a refusal that is swallowed": 'try:\n    __import__("torch")\nexcept BaseException:\n    pass',
    "a refusal that is swallowed in a thread": """
        import threading
        thread = threading.Thread(target=__import__, args=("torch",))
        thread.start()
        thread.join()
        """,
    "after taking out the finder": 'sys.meta_path.pop(0)\n__import__("torch")',
    "importlib after taking out the finder": """
        import importlib
        sys.meta_path.pop(0)
        importlib.import_module("torch")
        """,
    "loaded by hand": """
        import importlib.machinery, importlib.util
        spec = importlib.machinery.PathFinder.find_spec("torch")
        sys.modules["torch"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        """,
    "another library by importlib": 'import importlib\nimportlib.import_module("scipy.optimize")',
    "ctypes by importlib": 'import importlib\nimportlib.import_module("ctypes")',
    "ctypes, already loaded by numpy": 'import numpy\n__import__("_ctypes")',
    "another library by pydoc": 'import pydoc\npydoc.locate("scipy.optimize")',
    "another library by pickle": 'import pickle\npickle.loads(b"cscipy.optimize\\nminimize\\n.")',
    "another library by pickle's Python": 'import pickle\npickle._loads(b"cscipy.optimize\\nminimize\\n.")',
    "another library by pkgutil": 'import pkgutil\npkgutil.resolve_name("scipy.optimize")',
    "another library by unittest": 'import unittest.mock\nunittest.mock.patch("scipy.optimize.minimize").start()',
    "another library by runpy": 'import runpy\nrunpy.run_module("scipy.optimize")',
    "another library in a thread": """
        import threading
        thread = threading.Thread(target=__import__, args=("scipy.optimize",))
        thread.start()
        thread.join()
        """,
    "another library in a pool": """
        import concurrent.futures
        with concurrent.futures.ThreadPoolExecutor() as pool:
            pool.submit(__import__, "scipy.optimize").exception()
        """,
    "ctypes in numpy.ctypeslib": "import numpy.ctypeslib\nnumpy.ctypeslib.ctypes.CDLL(None)",
    "ctypes in a module of numpy's own": "import numpy\nnumpy._core._internal.ctypes.pythonapi.Py_GetVersion",
    "a package's resources": 'import importlib.resources\nimportlib.resources.files("torch")',
}

ATTACKS = [
    *(Attack(f"{name}, read off the file", source, REFUSED, REFUSED) for name, source in IN_PLAIN_SIGHT.items()),
    *(Attack(name, together("import sys", source, _USE), REFUSED, BLOCKED) for name, source in AT_IMPORT.items()),
    Attack(
        "in a call",
        'def double(x):\n    return __import__("torch").as_tensor(2.0 * x).numpy()',
        REFUSED,
        BLOCKED,
        says="toy.py:2 imports torch",
    ),
    Attack(
        "the solution that is not there", "def double(x):\n    return __import__('PART.solution')", REFUSED, BLOCKED
    ),
    Attack(
        "by a probe's own call",
        "import functools\ndef double(x): ...\ndouble = functools.partial(__import__, 'scipy.optimize')",
        REFUSED,
        BLOCKED,
    ),
    Attack("what the standard library has", "import json, math, importlib.resources, sqlite3, urllib.request", PASSED),
    Attack("what numpy loads late", "import numpy.testing, numpy.f2py, numpy.ctypeslib, numpy.polynomial", PASSED),
    Attack("a module that does not exist", "import sys\nimport numpy.nothing_of_this_name", ERROR, ERROR),
]
