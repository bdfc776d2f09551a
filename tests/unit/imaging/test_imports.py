"""The gate starts fast: it brings neither torch nor MONAI nor Ray."""

import subprocess
import sys


def _modules_after(statement: str) -> set[str]:
    code = (
        f"import sys; {statement}; print(' '.join({{'torch', 'monai', 'ray', 'grpc', 'highdicom'}} & set(sys.modules)))"
    )
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_gate_imports_no_heavy_library():
    assert _modules_after("import tumorcast_imaging.dicom") == set()


def test_preparing_needs_no_torch():
    assert not _modules_after("import tumorcast_imaging.model, tumorcast_imaging.adapters") & {
        "torch",
        "monai",
        "ray",
        "grpc",
    }
