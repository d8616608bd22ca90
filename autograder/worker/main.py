"""Start a worker: `python -I -S main.py STAGE SITE-PACKAGES…`; see judge/worker_process.py.

The stage comes first on the path, so that everything else of ours is imported from there.
"""

import gc
import sys

if __name__ == "__main__":
    folder, *packages = sys.argv[1:]
    sys.dont_write_bytecode = True
    sys.path[:0] = [folder]
    sys.path.extend(packages)

    gc.disable()  # until all is imported: that stays, and looking through it again and again takes a sixth of the time
    from autograder.worker.serving import serve

    serve(folder)
