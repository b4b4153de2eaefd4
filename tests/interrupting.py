"""A Ctrl-C at a moment that no person could choose: while a program is still loading its modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 60
CODE = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Impatient())
"""


def interrupted_while_loading(module: str, program: str) -> subprocess.CompletedProcess[str]:
    """What became of the Python code `program`, which gets its interrupt just before it loads `module`."""
    command = [sys.executable, "-c", CODE.replace("MODULE", repr(module)) + program]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
