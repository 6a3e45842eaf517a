"""Load damaged files, one after another, and print what went wrong other than by one InputError.

``python hunt.py LOADER COUNT [FIRST]`` prints one line of JSON per finding: the number of the input
(its seed: the same number damages the same way), and what happened. A crash or a hang ends the
process; the last line on stderr is then the number that did it.
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from loaders import LOADERS

#: Longer than this is a hang (which SIGPROF ends), more memory than this a bomb.
SECONDS, BYTES = 20, 2 << 30


def hunt(name: str, count: int, first: int = 0) -> int:
    """Load `count` damaged files of a loader; return how many findings there were."""
    from leanspike.errors import InputError

    loader = LOADERS[name]
    warnings.simplefilter("ignore")
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        valid, out = Path(folder) / "valid", Path(folder) / "damaged"
        valid.mkdir()
        loader.make(valid)
        shutil.copytree(valid, out)
        loader.load(out)  # what is not damaged loads, and everything is imported and compiled
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, resource.RLIM_INFINITY))
        for number in range(first, first + count):
            shutil.rmtree(out)
            out.mkdir()
            loader.damage(valid, out, random.Random(f"{name} {number}"))
            print(number, file=sys.stderr)
            # Of its own time, for the machine may be busy; and of the clock, for it may wait.
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            faulthandler.dump_traceback_later(15 * SECONDS, exit=True)
            try:
                loader.load(out)
            except InputError as error:
                if len(str(error).splitlines()) > 5 or not str(error).strip():
                    found += report(number, "message", str(error)[:300], "")
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)
                where = " < ".join(f"{Path(s.filename).name}:{s.lineno}" for s in place[::-1][:6])
                found += report(number, type(error).__name__, str(error)[:200], where)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                faulthandler.cancel_dump_traceback_later()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return found


def report(number: int, kind: str, text: str, where: str) -> int:
    """Print one finding."""
    print(json.dumps({"input": number, "kind": kind, "text": text, "where": where}), flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(1 if hunt(sys.argv[1], *map(int, sys.argv[2:])) else 0)
