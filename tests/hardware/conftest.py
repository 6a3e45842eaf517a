import sys
from pathlib import Path

from hypothesis import settings

# What these tests share (random cases, referees) lies beside this file.
sys.path.insert(0, str(Path(__file__).parent))

# The first example of a compiled function waits for its compilation.
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
