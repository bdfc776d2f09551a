"""The REST door: FastAPI routes over the same domain code as the gRPC door."""

from tumorcast_gateway.rest.app import make_rest
from tumorcast_gateway.rest.door import Door

__all__ = ["Door", "make_rest"]
