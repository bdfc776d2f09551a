"""``tumorcast store``: the gateway's records, for who runs it: audited, kept, erased, saved and brought back."""

from tumorcast_platform.commands.store import audit, erasing, keeping  # noqa: F401 - each module adds its commands
from tumorcast_platform.commands.store.app import store_app

__all__ = ["store_app"]
