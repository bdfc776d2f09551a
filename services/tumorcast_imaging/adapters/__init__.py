"""Where studies come from, and an encoder in this process."""

from tumorcast_imaging.adapters.local_encoder import LocalEncoder
from tumorcast_imaging.adapters.study_store import FolderStudyStore, Incoming, StoredInstance

__all__ = ["FolderStudyStore", "Incoming", "LocalEncoder", "StoredInstance"]
