"""The other services, reached over gRPC."""

from tumorcast_gateway.adapters.backends import Backends

__all__ = ["Backends"]
