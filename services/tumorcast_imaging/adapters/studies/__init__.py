"""Where studies come from: a folder, or a DICOMweb server."""

from tumorcast_imaging.adapters.studies.folder_store import FolderStudyStore
from tumorcast_imaging.adapters.studies.opening import open_store

__all__ = ["FolderStudyStore", "open_store"]
