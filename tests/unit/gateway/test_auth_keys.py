"""Keys of issuers: which are read, when they are fetched, and what happens when they cannot be."""

import asyncio
import json
import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from support.issuer import EC_KEY, OTHER_RSA_KEY, RSA_KEY, encoded, public_jwk
from tumorcast_core.errors import ServiceUnavailable
from tumorcast_gateway.auth.keys import FRESH_S, STALE_S, FetchedKeys, FileKeys, find, read_keys

SHORT_RSA_KEY = rsa.generate_private_key(65537, 1024)
GOOD = public_jwk(RSA_KEY, "k1")


@pytest.mark.parametrize(
    "bad",
    [
        public_jwk(RSA_KEY, "k2", use="enc"),
        public_jwk(RSA_KEY, "k2", key_ops=["encrypt"]),
        public_jwk(RSA_KEY, "k2", alg="HS256"),
        public_jwk(RSA_KEY, "k2", alg="RSA-OAEP"),
        public_jwk(SHORT_RSA_KEY, "k2"),
        {"kty": "oct", "kid": "k2", "k": encoded(b"secret")},
        public_jwk(EC_KEY, "k2", crv="secp256k1"),
        public_jwk(EC_KEY, "k2", crv=["P-256"]),
        public_jwk(EC_KEY, "k2", x=encoded(bytes(32))),
        {"kty": "RSA", "kid": "k2"},
        {"kty": ["RSA"], "kid": "k2"},
        {},
        7,
        None,
    ],
)
def test_a_key_that_cannot_verify_is_left_out_and_spoils_no_other(bad) -> None:
    (key,) = read_keys({"keys": [bad, GOOD]})
    assert key.key_id == "k1"
    with pytest.raises(ValueError, match="no key"):
        read_keys({"keys": [bad]})


@pytest.mark.parametrize("document", [{}, [], None, {"keys": None}, {"keys": {}}, {"keys": 7}, {"keys": []}, "keys"])
def test_what_is_no_key_set_is_refused(document) -> None:
    with pytest.raises(ValueError, match="JWK Set"):
        read_keys(document)


def test_of_a_private_key_only_the_public_half_is_kept() -> None:
    (key,) = read_keys({"keys": [GOOD | {"d": encoded(b"private")}]})
    assert isinstance(key.key, rsa.RSAPublicKey)


def test_an_rsa_key_verifies_no_elliptic_signature() -> None:
    keys = read_keys({"keys": [GOOD]})
    assert find(keys, "k1", "RS256")
    assert find(keys, "k1", "PS512")
    assert find(keys, "k1", "ES256") is None
    assert find(keys, "k1", "HS256") is None


class Source:
    """An issuer's key endpoint with a clock of its own."""

    def __init__(self) -> None:
        self.keys, self.fetched, self.now, self.down = [GOOD], 0, 0.0, False
        self.wait = 0.0

    async def fetch(self):
        self.fetched += 1
        await asyncio.sleep(self.wait)
        if self.down:
            raise ServiceUnavailable
        return {"keys": self.keys}

    def cache(self) -> FetchedKeys:
        return FetchedKeys(self.fetch, 30.0, lambda: self.now)


def with_source(test) -> None:
    asyncio.run(test(Source()))


def test_keys_are_fetched_once_and_again_when_old() -> None:
    async def test(source: Source) -> None:
        keys = source.cache()
        for _ in range(3):
            assert await keys.find("k1", "RS256")
        assert source.fetched == 1
        source.now += FRESH_S + 1
        assert await keys.find("k1", "RS256")
        assert source.fetched == 2

    with_source(test)


def test_a_rotated_key_is_found_by_fetching_again() -> None:
    async def test(source: Source) -> None:
        keys = source.cache()
        assert await keys.find("k1", "RS256")
        source.keys = [public_jwk(OTHER_RSA_KEY, "k2")]
        source.now += 31
        found = await keys.find("k2", "RS256")
        assert found
        assert found.key.public_numbers() == OTHER_RSA_KEY.public_key().public_numbers()
        assert await keys.find("k1", "RS256") is None

    with_source(test)


def test_made_up_key_ids_do_not_flood_the_issuer() -> None:
    async def test(source: Source) -> None:
        keys = source.cache()
        for i in range(1000):
            source.now += 0.1
            assert await keys.find(f"made-up-{i}", "RS256") is None
        assert source.fetched <= 1 + 100 / 30

    with_source(test)


def test_those_who_come_at_once_fetch_once() -> None:
    async def test(source: Source) -> None:
        source.wait = 0.01
        keys = source.cache()
        assert all(await asyncio.gather(*(keys.find("k1", "RS256") for _ in range(20))))
        assert source.fetched == 1

    with_source(test)


def test_the_last_keys_serve_for_a_day_while_the_issuer_is_down(caplog) -> None:
    async def test(source: Source) -> None:
        keys = source.cache()
        assert await keys.find("k1", "RS256")
        source.down = True
        source.now += STALE_S - 1
        assert await keys.find("k1", "RS256")
        source.now += 40
        with pytest.raises(ServiceUnavailable):
            await keys.find("k1", "RS256")
        source.down = False
        source.now += 31
        assert await keys.find("k1", "RS256")

    with caplog.at_level(logging.WARNING):
        with_source(test)
    assert "cannot be fetched" in caplog.text


def test_without_any_keys_nobody_is_told_that_the_token_is_bad() -> None:
    async def test(source: Source) -> None:
        source.down = True
        with pytest.raises(ServiceUnavailable):
            await source.cache().find("k1", "RS256")

    with_source(test)


def test_an_answer_that_is_no_key_set_leaves_the_last_keys() -> None:
    async def test(source: Source) -> None:
        keys = source.cache()
        assert await keys.find("k1", "RS256")
        source.keys = []
        source.now += FRESH_S + 1
        assert await keys.find("k1", "RS256")

    with_source(test)


def test_a_file_of_keys_is_read_anew_when_it_changes(tmp_path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [GOOD]}))
    keys = FileKeys(path)
    assert asyncio.run(keys.find("k1", "RS256"))
    path.write_text(json.dumps({"keys": [public_jwk(OTHER_RSA_KEY, "k2"), GOOD]}))
    assert asyncio.run(keys.find("k2", "RS256"))
    path.write_text("{")
    assert asyncio.run(keys.find("k2", "RS256"))
    path.unlink()
    assert asyncio.run(keys.find("k2", "RS256"))


@pytest.mark.parametrize("text", ["", "{}", "[", '{"keys": []}', "[" * 100_000])
def test_a_file_without_keys_is_refused_at_the_start(tmp_path, text) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"JWK Set|Expecting"):
        FileKeys(path)
    with pytest.raises(ValueError, match="cannot be read"):
        FileKeys(tmp_path / "missing.json")
