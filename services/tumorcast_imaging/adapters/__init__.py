"""Where studies come from, an encoder in this process, and the cache of what encoders computed."""

from tumorcast_imaging.adapters.cached_encoder import CachedEncoder
from tumorcast_imaging.adapters.embedding_cache import EmbeddingCache
from tumorcast_imaging.adapters.local_encoder import LocalEncoder
from tumorcast_imaging.adapters.opening import open_store
from tumorcast_imaging.adapters.study_store import FolderStudyStore

__all__ = ["CachedEncoder", "EmbeddingCache", "FolderStudyStore", "LocalEncoder", "open_store"]
