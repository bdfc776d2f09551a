"""Who calls: bearer tokens → ``Caller``, how often, and over which TLS."""

from tumorcast_gateway.auth.authenticator import Authenticator, authenticator_of
from tumorcast_gateway.auth.current import caller as current
from tumorcast_gateway.auth.guard import Guard

__all__ = ["Authenticator", "Guard", "authenticator_of", "current"]
