"""Where a request may go: no trick with names, addresses or schemes leads anywhere else."""

from ipaddress import IPv4Address, IPv6Address

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorcast_core.errors import HostNotAllowed
from tumorcast_core.outbound import Destinations

PUBLIC4, PUBLIC6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


def address_is_allowed(host: str, address: str, *networks: str) -> bool:
    try:
        Destinations.of((host,), networks).check_address(host, address)
    except HostNotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("address", "public", "with_private_networks"),
    [
        (PUBLIC4, True, True),
        (PUBLIC6, True, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, False),
        ("192.168.1.1", False, False),
        ("fd12:3456::1", False, True),
        ("100.64.0.1", False, False),
        ("127.0.0.1", False, False),
        ("127.8.8.8", False, False),
        ("::1", False, False),
        ("0.0.0.0", False, False),
        ("0.1.2.3", False, False),
        ("::", False, False),
        ("169.254.169.254", False, False),
        ("169.254.1.1", False, False),
        ("fe80::1", False, False),
        ("fe80::1%eth0", False, False),
        ("fd00:ec2::254", False, False),
        ("100.100.100.200", False, False),
        ("168.63.129.16", False, False),
        ("192.0.0.192", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("240.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("::ffff:127.0.0.1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("::ffff:10.1.2.3", False, True),
        (f"::ffff:{PUBLIC4}", True, True),
        ("64:ff9b::7f00:1", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("64:ff9b::a01:203", False, True),
        ("2002:7f00:1::", False, False),
        ("2002:a9fe:a9fe::1", False, False),
        ("2002:a01:203::", False, False),
        ("2001:0:7f00:1::", False, False),
        ("2001:db8::1", False, False),
        ("not an address", False, False),
        ("", False, False),
        ("2130706433", False, False),
        ("0x7f.1", False, False),
    ],
)
def test_a_name_may_lead_to_public_addresses_and_to_networks_that_were_named(
    address, public, with_private_networks
) -> None:
    private = ("10.0.0.0/8", "fd00::/8")
    assert address_is_allowed("ehr.example.org", address) == public
    assert address_is_allowed("ehr.example.org", address, *private) == with_private_networks


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("localhost", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("::1", "::1", True),
        ("localhost", "10.0.0.1", False),
        ("localhost.example.org", "127.0.0.1", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.4", False),
        ("fd12::1", "fd12::1", True),
        ("169.254.169.254", "169.254.169.254", False),
        ("fd00:ec2::254", "fd00:ec2::254", False),
        ("0.0.0.0", "0.0.0.0", False),
    ],
)
def test_a_host_that_is_an_address_allows_that_address_but_never_metadata(host, address, allowed) -> None:
    assert address_is_allowed(host, address) == allowed


@pytest.mark.parametrize("network", ["169.254.0.0/16", "0.0.0.0/0", "::/0", "fe80::/10", "fd00:ec2::/32"])
@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "fd00:ec2::254", "127.0.0.1", "0.0.0.0"])
def test_no_network_setting_opens_metadata_or_this_machine(network, address) -> None:
    assert not address_is_allowed("ehr.example.org", address, network)


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="network"):
        Destinations.of((), ("10.0.0.0/8 ", "hospital"))
    with pytest.raises(ValueError, match="host bits"):
        Destinations.of((), ("10.0.0.1/8",))


@given(st.ip_addresses(v=4))
def test_a_name_never_leads_to_an_address_that_is_not_public(address: IPv4Address) -> None:
    if not address.is_global:
        assert not address_is_allowed("ehr.example.org", str(address))
    mapped = f"::ffff:{address}"
    assert address_is_allowed("ehr.example.org", mapped) == address_is_allowed("ehr.example.org", str(address))


@given(st.ip_addresses(v=6))
def test_nor_to_an_ipv6_address_that_is_not_public(address: IPv6Address) -> None:
    if not address.is_global:
        assert not address_is_allowed("ehr.example.org", str(address)) or address.ipv4_mapped


ALLOWED = ("ehr.example.org", "keys.example.org:8443", "127.0.0.1:9000", "xn--klinik-dsseldorf-qzb.example")
URLS = st.one_of(
    st.text(max_size=60),
    st.from_regex(r"(https?|ftp|file|gopher)://[a-z0-9.@:\[\]\\/#?%_-]{0,40}", fullmatch=True),
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["https", "http", "HTTPS", "https:", "//https"]),
        st.sampled_from(["", "user@", "ehr.example.org@", "a:b@", "ehr.example.org\\", "ehr.example.org%00", "\t"]),
        st.sampled_from([*ALLOWED, "evil.example", "ehr.example.org.", "EHR.example.org", "169.254.169.254", "[::1]"]),
        st.sampled_from(["", ":443", ":80", "/", "/fhir", "#@evil.example", "?@evil.example", ":0", ":99999", ":"]),
    ),
)


@given(URLS)
def test_whatever_the_url_only_allowed_hosts_pass(text: str) -> None:
    """httpx connects to the host, port and scheme that were checked: they are read from the one parsed URL."""
    try:
        url = httpx.URL(text)
        Destinations(ALLOWED).check_url(url)
    except (httpx.InvalidURL, ValueError, HostNotAllowed):
        return
    port = url.port or {"https": 443, "http": 80}[url.scheme]
    asked = (url.scheme, url.raw_host.decode(), port)
    assert asked in {
        ("https", "ehr.example.org", 443),
        ("https", "keys.example.org", 8443),
        ("https", "127.0.0.1", 9000),
        ("http", "127.0.0.1", 9000),
        ("https", "xn--klinik-dsseldorf-qzb.example", 443),
    }
    assert not url.userinfo


def test_an_international_name_is_allowed_in_either_spelling() -> None:
    for allowed in ("klinik-düsseldorf.example", "xn--klinik-dsseldorf-qzb.example"):
        Destinations((allowed,)).check_url(httpx.URL("https://klinik-düsseldorf.example/fhir"))
        with pytest.raises(HostNotAllowed):
            Destinations((allowed,)).check_url(httpx.URL("https://klinik-dusseldorf.example/fhir"))


def test_nothing_is_allowed_by_default() -> None:
    with pytest.raises(HostNotAllowed):
        Destinations().check_url(httpx.URL("https://ehr.example.org"))
