"""Tokens: which are taken, and that whatever is off about one refuses it."""

import asyncio
import base64
import contextlib
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.issuer import (
    AUDIENCE,
    EC384_KEY,
    EC_KEY,
    ED_KEY,
    OTHER_RSA_KEY,
    RSA_KEY,
    Issuer,
    encoded,
    hmac_of_public_key,
    jwt_of,
    public_jwk,
)
from tumorcast_core.errors import InvalidToken, TokenExpired
from tumorcast_gateway.auth.keys import find, read_keys
from tumorcast_gateway.auth.tokens import MAX_TOKEN_BYTES, TokenRules, Tokens

EVERY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class Known:
    """The keys of an issuer, in memory; remembers what it was asked for."""

    def __init__(self, document: object) -> None:
        self.keys, self.asked = read_keys(document), []

    async def find(self, key_id, algorithm):
        self.asked.append(key_id)
        return find(self.keys, key_id, algorithm)


def checked(token: str, issuer: Issuer, known: Known | None = None, **rules: object) -> dict[str, object]:
    chosen = {"issuers": (issuer.url,), "audiences": (AUDIENCE,), **rules}
    tokens = Tokens(TokenRules(**chosen), {issuer.url: known or Known(issuer.jwks())})
    return asyncio.run(tokens.claims(token))


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [(a, RSA_KEY) for a in EVERY[:6]] + [("ES256", EC_KEY), ("ES384", EC384_KEY), ("EdDSA", ED_KEY)],
)
def test_a_token_of_each_algorithm_is_taken_where_the_operator_takes_it(algorithm, key) -> None:
    issuer = Issuer(keys={"k1": (key, algorithm)})
    assert checked(issuer.token(), issuer, algorithms=EVERY)["sub"] == "user-1"
    others = tuple(a for a in EVERY if a != algorithm)
    with pytest.raises(InvalidToken):
        checked(issuer.token(), issuer, algorithms=others)


@dataclass(frozen=True)
class InSeconds:
    """A moment, counted from when the token is made."""

    seconds: float


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({}, None),
        ({"exp": InSeconds(-20)}, None),  # within the skew
        ({"exp": InSeconds(-60)}, TokenExpired),
        ({"exp": None}, InvalidToken),
        ({"exp": "tomorrow"}, InvalidToken),
        ({"exp": 1e400}, InvalidToken),
        ({"exp": InSeconds(90_000)}, InvalidToken),  # good for longer than a day
        ({"nbf": InSeconds(20)}, None),
        ({"nbf": InSeconds(60)}, InvalidToken),
        ({"iat": InSeconds(60)}, InvalidToken),
        ({"iat": None}, None),
        ({"aud": None}, InvalidToken),
        ({"aud": "https://elsewhere.example.org"}, InvalidToken),
        ({"aud": ["https://elsewhere.example.org", AUDIENCE]}, None),
        ({"aud": AUDIENCE + "/"}, InvalidToken),
        ({"aud": [[AUDIENCE]]}, InvalidToken),
        ({"iss": None}, InvalidToken),
        ({"iss": "https://evil.example.org"}, InvalidToken),
        ({"iss": ["https://login.example.org/realms/ward"]}, InvalidToken),
        ({"iss": "https://login.example.org/realms/ward/"}, InvalidToken),
        ({"sub": 7}, InvalidToken),
    ],
)
def test_times_audience_and_issuer_decide(changed, error) -> None:
    issuer, now = Issuer(), time.time()
    changed = {name: now + at.seconds if isinstance(at, InSeconds) else at for name, at in changed.items()}
    if error is None:
        assert checked(issuer.token(**changed), issuer)
        return
    with pytest.raises(error) as caught:
        checked(issuer.token(**changed), issuer)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "how",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "NONE", "header": {"alg": "nOnE"}},
        {"alg": "HS256", "key": hmac_of_public_key(RSA_KEY)},
        {"alg": "HS512", "key": hmac_of_public_key(RSA_KEY)},
        {"alg": "HS256", "key": b"", "kid": "missing"},
        {"header": {"alg": "ES256"}},
        {"header": {"alg": ["RS256"]}},
        {"header": {"alg": None}},
        {"key": OTHER_RSA_KEY},
        {"kid": "k2"},
        {"kid": "../../dev/null"},
        {"header": {"kid": 7}},
        {"header": {"kid": ["k1"]}},
        {"header": {"crit": ["exp"]}},
        {"header": {"crit": ["b64"], "b64": False}},
        {"header": {"typ": "id+jwt"}},
        {"header": {"typ": "JOSE"}},
        {"header": {"typ": 7}},
        {"header": {"typ": "logout+jwt"}},
    ],
)
def test_another_algorithm_key_or_header_is_refused(how) -> None:
    issuer = Issuer()
    if how.get("alg", "").lower() == "none":
        how = {**how, "alg": "none", "header": {"alg": how["alg"], **how.get("header", {})}}
    with pytest.raises(InvalidToken):
        checked(issuer.token(**how), issuer, algorithms=EVERY)


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_keys_that_a_token_brings_along_are_not_read(name) -> None:
    """Neither do they help a forger, nor harm an honest issuer."""
    brought = {
        "jwk": public_jwk(OTHER_RSA_KEY, "k1"), "jku": "http://169.254.169.254/keys",
        "x5u": "http://127.0.0.1:1/x", "x5c": ["MII"],
    }  # fmt: skip
    issuer = Issuer()
    with pytest.raises(InvalidToken):
        checked(issuer.token(key=OTHER_RSA_KEY, header={name: brought[name]}), issuer)
    with pytest.raises(InvalidToken):
        checked(issuer.token(key=OTHER_RSA_KEY, kid=None, header={name: brought[name]}), issuer)
    assert checked(issuer.token(header={name: brought[name]}), issuer)


def test_a_key_for_one_algorithm_verifies_no_other() -> None:
    issuer = Issuer(keys={})
    issuer.extra_jwks = [public_jwk(RSA_KEY, "k1", alg="RS384")]
    with pytest.raises(InvalidToken):
        checked(issuer.token(key=RSA_KEY, alg="RS256"), issuer)
    assert checked(issuer.token(key=RSA_KEY, alg="RS384"), issuer)


def test_a_key_of_another_issuer_verifies_nothing() -> None:
    ours, theirs = Issuer(), Issuer(url="https://other.example.org", keys={"k1": (OTHER_RSA_KEY, "RS256")})
    tokens = Tokens(
        TokenRules((ours.url, theirs.url), (AUDIENCE,)),
        {ours.url: Known(ours.jwks()), theirs.url: Known(theirs.jwks())},
    )
    assert asyncio.run(tokens.claims(theirs.token()))
    with pytest.raises(InvalidToken):
        asyncio.run(tokens.claims(theirs.token(iss=ours.url)))


def test_without_a_key_id_the_only_key_that_fits_is_taken() -> None:
    issuer = Issuer()
    assert checked(issuer.token(kid=None), issuer)
    issuer.keys["k2"] = (OTHER_RSA_KEY, "RS256")
    with pytest.raises(InvalidToken):
        checked(issuer.token(kid=None), issuer)


@pytest.mark.parametrize(
    ("kind", "claims", "taken", "taken_strictly"),
    [
        ("at+jwt", {}, True, True),
        ("application/at+JWT", {}, True, True),
        ("JWT", {}, True, False),
        (None, {}, True, False),
        ("JWT", {"typ": "Bearer"}, True, False),
        ("JWT", {"typ": "ID"}, False, False),
        ("JWT", {"typ": "Refresh"}, False, False),
        ("JWT", {"nonce": "n"}, False, False),
        ("JWT", {"at_hash": "h"}, False, False),
    ],
)
def test_an_id_token_is_no_access_token(kind, claims, taken, taken_strictly) -> None:
    issuer = Issuer()
    for strict, expected in ((False, taken), (True, taken_strictly)):
        try:
            found = bool(checked(issuer.token(header={"typ": kind}, **claims), issuer, strict_type=strict))
        except InvalidToken:
            found = False
        assert found == expected


def test_an_unknown_issuer_costs_no_look_at_keys() -> None:
    issuer = Issuer()
    known = Known(issuer.jwks())
    for token in (issuer.token(iss="https://evil.example.org"), issuer.token(alg="none"), "x" * 100):
        with pytest.raises(InvalidToken):
            checked(token, issuer, known)
    assert known.asked == []


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c",
        "....",
        "a" * (MAX_TOKEN_BYTES + 1),
        encoded(b"[" * 3000) + "." + encoded(b"[" * 9000) + "." + "A" * 40,
        encoded(b'{"alg":"RS256"}') + "." + encoded(b"[1]") + "." + "A" * 40,
        encoded(b'"RS256"') + "." + encoded(b"{}") + "." + "A" * 40,
        encoded(b'{"alg":"RS256"}') + "." + encoded(b"\xff\xfe") + "." + "A" * 40,
        encoded(b'{"alg":"RS256"}') + "." + encoded(b'{"iss":"x"}') + ".",
        jwt_of({"alg": "RS256", "kid": "k1"}, ["list"], RSA_KEY, "RS256"),
    ],
)
def test_what_is_no_jwt_is_refused_in_words_of_ours(token) -> None:
    with pytest.raises(InvalidToken) as caught:
        checked(token, Issuer())
    assert str(caught.value).startswith("The token is")


def test_a_huge_token_is_refused_before_it_is_read() -> None:
    issuer = Issuer()
    with pytest.raises(InvalidToken):
        checked(issuer.token(groups=["g" * 100] * 200), issuer)
    began = time.perf_counter()
    for _ in range(50):
        with pytest.raises(InvalidToken):
            checked("a." * 5_000_000, issuer)
    assert time.perf_counter() - began < 2


@given(st.integers(0, 2000), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_no_changed_byte_leaves_a_token_good(place: int, byte: int) -> None:
    issuer = Issuer(keys={"k1": (EC_KEY, "ES256")})
    token = issuer.token()
    data = bytearray(token.encode())
    data[place % len(data)] = byte
    changed = data.decode("latin-1")
    if _same(changed, token):
        return
    with pytest.raises(InvalidToken):
        checked(changed, issuer)


def _same(one: str, other: str) -> bool:
    """Whether they differ in nothing but unused bits at the end of the base64."""
    try:
        return [_bytes(p) for p in one.split(".")] == [_bytes(p) for p in other.split(".")]
    except ValueError:
        return False


def _bytes(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "scope", "typ", "azp"]), JSON)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "zip", "cty"]), JSON)


@given(HEADERS, CLAIMS)
@settings(max_examples=200, deadline=None)
def test_whatever_is_signed_is_taken_or_refused_but_never_breaks(header, claims) -> None:
    issuer = Issuer(keys={"k1": (EC_KEY, "ES256")})
    good = {"alg": "ES256", "kid": "k1"}
    token = jwt_of(good | header, issuer.claims() | claims, EC_KEY, "ES256")
    with contextlib.suppress(InvalidToken):
        assert checked(token, issuer)["iss"] == issuer.url
