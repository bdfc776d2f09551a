"""A store of model versions, in a folder or at any fsspec URL.

``<store>/<name>/<version>-<sha256[:12]>/…`` is a model's folder as it was published, never changed;
``<store>/<name>/generations/00000007.json`` says which version answers (``model/generation.py``).
"""

from tumorcast_fusion.adapters.model_store.files import StoreFiles
from tumorcast_fusion.adapters.model_store.store import History, VersionStore
from tumorcast_fusion.adapters.model_store.versions import MAX_MODEL_BYTES, load_version, verified

__all__ = ["MAX_MODEL_BYTES", "History", "StoreFiles", "VersionStore", "load_version", "verified"]
