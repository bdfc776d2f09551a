"""Generates ``shared/tumorcast`` from ``proto/``; with ``--check`` compares instead and exits 1 on any difference."""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
GENERATED = ROOT / "shared" / "tumorcast"


def generate(out: Path) -> None:
    """Write messages and type stubs of every proto, and servicers of every ``*_service.proto``, below ``out``."""
    protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    services = [name for name in protos if name.endswith("_service.proto")]
    well_known = files("grpc_tools") / "_proto"
    include = ["protoc", f"-I{PROTO}", f"-I{well_known}"]
    for arguments in (
        [f"--python_out={out}", f"--pyi_out={out}", *protos],
        [f"--grpc_python_out={out}", *services],
    ):
        if protoc.main([*include, *arguments]) != 0:
            sys.exit("protoc refused the protos.")


def differences(generated: Path, committed: Path) -> list[str]:
    """Relative paths of generated files that are missing on one side or differ in a byte."""
    names = {str(path.relative_to(root)) for root in (generated, committed) for path in root.rglob("*_pb2*.py*")}
    names = {name for name in names if not name.endswith(".pyc")}
    _, differing, missing = filecmp.cmpfiles(generated, committed, sorted(names), shallow=False)
    return sorted(differing + missing)


def main() -> None:
    """Generate, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = Path(folder) / "tumorcast"
        different = differences(fresh, GENERATED)
        if not check:
            for name in different:
                (GENERATED / name).unlink(missing_ok=True)
            shutil.copytree(fresh, GENERATED, dirs_exist_ok=True)
    if check and different:
        sys.exit("\n".join(f"shared/tumorcast/{name} does not equal its proto: run make proto." for name in different))


if __name__ == "__main__":
    main()
