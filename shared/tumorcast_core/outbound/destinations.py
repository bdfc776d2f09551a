"""Where a request may go: which hosts, by which scheme, at which addresses."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from tumorcast_core.errors import HostNotAllowed
from tumorcast_core.settings import is_loopback

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_STANDARD_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_METADATA = frozenset(  # instance metadata of clouds, where it is not link-local
    map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
)
_HTTPS_ONLY = "Beyond this machine, servers are asked by https only."
_ADDRESS = "The host has no address in a network that the operator allows."


@dataclass(frozen=True, slots=True)
class Destinations:
    """Hosts that may be asked, and the networks beside the public ones that they may lie in.

    ``hosts`` are ``host`` (standard port) or ``host:port``; none: nothing may be asked. A host that is an address, or
    ``localhost``, allows that address. Link-local addresses and the metadata services of clouds are never allowed.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, hosts: tuple[str, ...], networks: tuple[str, ...] = ()) -> Destinations:
        """Read networks in CIDR notation; raises ``ValueError``."""
        return cls(hosts, tuple(map(ip_network, networks)))

    def check_url(self, url: httpx.URL) -> None:
        """Raise ``HostNotAllowed`` unless the host is allowed and nobody on the way can read along.

        >>> Destinations(("ehr.example.org:443",)).check_url(httpx.URL("https://ehr.example.org/fhir"))
        """
        host, port = url.host, url.port or default_port(url.scheme)
        if url.scheme not in _STANDARD_PORTS or not host or url.userinfo or not 0 < port <= 65535:
            raise HostNotAllowed
        names = {name for shown in (host, url.raw_host.decode("ascii")) for name in _names(shown, port, url.scheme)}
        if names.isdisjoint(allowed.lower() for allowed in self.hosts):
            raise HostNotAllowed
        if url.scheme != "https" and not is_loopback(host):
            raise HostNotAllowed(_HTTPS_ONLY)

    def check_address(self, host: str, address: str) -> None:
        """Raise ``HostNotAllowed`` unless ``host``, which was checked before, may be reached at ``address``.

        >>> Destinations().check_address("ehr.example.org", "93.184.215.14")
        >>> Destinations.of((), ("10.0.0.0/8",)).check_address("ehr.example.org", "10.1.2.3")
        """
        try:
            found = _unwrapped(ip_address(address))
        except ValueError as e:
            raise HostNotAllowed(_ADDRESS) from e
        if not self._is_allowed(host, found):
            raise HostNotAllowed(_ADDRESS)

    def _is_allowed(self, host: str, address: Address) -> bool:
        if _is_never_allowed(address):
            return False
        if address.is_loopback:
            return is_loopback(host)
        named = _literal(host)
        return address.is_global or address == named or any(address in network for network in self.networks)


def default_port(scheme: str) -> int:
    """The standard port of a scheme, 0 for any but http and https."""
    return _STANDARD_PORTS.get(scheme, 0)


def _names(host: str, port: int, scheme: str) -> set[str]:
    """How an allow-list may spell a host and port."""
    host = host.lower()
    shown = f"[{host}]" if ":" in host else host
    return {f"{shown}:{port}"} | ({host, shown} if port == _STANDARD_PORTS[scheme] else set())


def _is_never_allowed(address: Address) -> bool:
    if address.is_loopback:  # ::1 lies in what Python calls reserved
        return False
    if isinstance(address, IPv6Address) and (address.sixtofour or address.teredo):  # tunnels to IPv4, both obsolete
        return True
    special = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    return special or address in _METADATA or address in _THIS_NETWORK


def _unwrapped(address: Address) -> Address:
    """The address, or the IPv4 address that an IPv6 address stands for (mapped, NAT64)."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _literal(host: str) -> Address | None:
    try:
        return _unwrapped(ip_address(host))
    except ValueError:
        return None
