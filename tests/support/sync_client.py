"""Makes ``shared/tumorcast_client/sync`` from ``aio``: the same client without a loop, and no twin to keep in step.

``python tests/support/sync_client.py`` writes it, ``--check`` says whether it is as it should be.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "shared" / "tumorcast_client"
OWN = "io.py"
"""What is written by hand in both."""
_WORDS = {
    r"\basync (def|for|with) ": r"\1 ",
    r"\bawait ": "",
    r"\bAsyncIterator\b": "Iterator",
    r"\b__aenter__\b": "__enter__",
    r"\b__aexit__\b": "__exit__",
    r"\baclose\b": "close",
    r"\bAsync([A-Z])": r"\1",
    r"\btumorcast_client\.aio\b": "tumorcast_client.sync",
    r"The asynchronous client": "The client",
}


def synchronous(source: str) -> str:
    """The same code without a loop."""
    for pattern, replacement in _WORDS.items():
        source = re.sub(pattern, replacement, source)
    return _ruff(_ruff(source, "check", "--fix", "--unsafe-fixes", "--select", "I,UP028", "--quiet"), "format")


def _ruff(source: str, *what: str) -> str:
    command = [str(Path(sys.executable).with_name("ruff")), *what, "--stdin-filename", "shared/client.py", "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def made() -> dict[Path, str]:
    """Every file of ``sync`` that is made, and what it must hold."""
    sources = sorted(path for path in (CLIENT / "aio").glob("*.py") if path.name != OWN)
    return {CLIENT / "sync" / path.name: synchronous(path.read_text()) for path in sources}


def main() -> None:
    stale = [path for path, text in made().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        sys.exit(f"{len(stale)} files of tumorcast_client/sync are not as aio says" if stale else 0)
    for path in stale:
        path.write_text(made()[path])


if __name__ == "__main__":
    main()
