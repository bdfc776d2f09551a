"""SimpleITK, with the volume's spacing and one thread.

The number of threads changes the last bits of N4, and SimpleITK takes it from a setting of the whole process whatever
a filter is told; so that setting is 1 while a filter runs here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_core.errors import UnsoundSeries
from tumorcast_imaging.dicom import Volume

_LOCK = threading.Lock()


def library() -> Any:
    """SimpleITK, which has no types; it takes a second to import."""
    import SimpleITK

    return SimpleITK


def version() -> str:
    """`` by SimpleITK <version>``."""
    return f" by SimpleITK {library().Version.VersionString()}"


def image(array: NDArray[Any], volume: Volume) -> Any:
    """An array on the volume's grid as a SimpleITK image, axes along the patient left out."""
    made = library().GetImageFromArray(np.ascontiguousarray(array))
    made.SetSpacing([float(mm) for mm in volume.spacing_mm[::-1]])
    return made


@contextmanager
def one_thread() -> Iterator[Any]:
    """SimpleITK on one thread; a filter's own error says that the volume gives it no hold."""
    itk = library()
    with _LOCK:
        threads = itk.ProcessObject.GetGlobalDefaultNumberOfThreads()
        itk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        try:
            yield itk
        except RuntimeError as e:
            raise UnsoundSeries("The volume cannot be corrected.") from e
        finally:
            itk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
