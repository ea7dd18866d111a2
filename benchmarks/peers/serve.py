"""Do a script's work once for each line that comes in, and answer with the seconds it took.

python serve.py <script.py> <its arguments as JSON>

The script's `contender(**arguments)` returns the work, a function; what that returns, if it is a
dictionary, goes back too. Its `PACKAGES` are the names of the packages whose versions are reported.
Runs in a peer's environment, so it needs Python alone.
"""

import importlib.util
import json
import os
import sys
import time
from importlib import metadata


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints goes to stderr
    sys.path.insert(0, os.path.dirname(sys.argv[1]))
    spec = importlib.util.spec_from_file_location("script", sys.argv[1])
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    work = script.contender(**json.loads(sys.argv[2]))
    versions = {name: metadata.version(name) for name in script.PACKAGES}
    print(json.dumps({"versions": versions}), file=answers, flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        said = work()
        seconds = time.perf_counter() - began
        answer = {"seconds": seconds, "said": said if isinstance(said, dict) else {}}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
