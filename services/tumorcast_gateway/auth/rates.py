"""How often one caller may call: a bucket that fills up evenly, for each caller.

The library ``limits`` was measured and left out: it keeps the time of every call of a window (6,000 a caller)
and sweeps all callers up to a hundred times a second, so that memory and time grow with whoever attacks.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from tumorcast_core.errors import RateLimited

_MINUTE_S = 60.0


class Rates:
    """``per_minute`` calls for each key, at once or spread out; of more than ``most_keys`` the idlest are forgotten."""

    def __init__(self, per_minute: int, most_keys: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._step_s = _MINUTE_S / per_minute
        self._most_keys, self._clock = most_keys, clock
        self._empty_until: OrderedDict[str, float] = OrderedDict()
        """Key → when its bucket will be full again; one number holds the whole state (generic cell rate algorithm)."""

    def take(self, key: str) -> None:
        """Count one call; raises ``RateLimited`` with ``retry_after_s`` where there were too many."""
        now = self._clock()
        full_at = max(self._empty_until.get(key, now), now) + self._step_s
        if full_at - now > _MINUTE_S + 1e-9:
            error = RateLimited()
            error.retry_after_s = math.ceil(full_at - now - _MINUTE_S)
            raise error
        self._empty_until[key] = full_at
        self._empty_until.move_to_end(key)
        if len(self._empty_until) > self._most_keys:
            self._empty_until.popitem(last=False)

    def __len__(self) -> int:
        return len(self._empty_until)


def digest(*parts: str) -> str:
    """A key that says nothing of whose it is."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def network_of(peer: str) -> str:
    """The address, or the /64 of an IPv6 address, of which a household has all.

    >>> network_of("192.0.2.7"), network_of("2001:db8::1:2"), network_of("unix")
    ('192.0.2.7', '2001:db8::/64', 'unix')
    """
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:64]
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped:
        return str(mapped or address)
    return str(ip_network((address, 64), strict=False))
