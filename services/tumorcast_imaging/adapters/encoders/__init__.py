"""An encoder in this process, and the cache of what encoders computed."""

from tumorcast_imaging.adapters.encoders.cached_encoder import CachedEncoder
from tumorcast_imaging.adapters.encoders.embedding_cache import EmbeddingCache
from tumorcast_imaging.adapters.encoders.local_encoder import LocalEncoder

__all__ = ["CachedEncoder", "EmbeddingCache", "LocalEncoder"]
