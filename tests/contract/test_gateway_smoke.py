"""What ``helm test`` runs, against a real gateway: it passes where the release answers, and says what does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from support.certificates import Authority
from support.gateway_served import free_port, served
from support.issuer import AUDIENCE, served_issuer
from support.whole import whole
from tumorcast_gateway.app import run
from tumorcast_gateway.settings import Settings
from tumorcast_gateway.smoke import Asked, SmokeError, query, smoke

ALL = ("imaging", "clinical", "notes", "fusion")


async def asked(url: str, **more: Any) -> str:
    """What the test says on its way; raises ``SmokeError``."""
    lines: list[str] = []
    await asyncio.to_thread(smoke, Asked(url, **{"needs": ALL, "wait_s": 1.0, "tell": lines.append, **more}))
    return "\n".join(lines)


def test_a_whole_release_passes_and_says_what_was_used(tmp_path: Path) -> None:
    async def main() -> str:
        async with whole(tmp_path) as settings:
            return await asked(f"http://127.0.0.1:{settings.rest_port}")

    said = asyncio.run(main())
    assert "imaging   SERVING" in said
    assert "prognosis of simulated 1.0.0 from labs, notes in " in said


def test_the_query_of_a_test_carries_what_needs_each_service() -> None:
    assert query(ALL, "m").keys() >= {"fhir", "documents", "features"}
    assert "fhir" not in query(("fusion",), "m")
    assert "documents" not in query(("fusion",), "m")
    assert "timepoints" not in json.dumps(query(ALL, "m"))


@pytest.mark.parametrize(
    ("down", "needs", "reason"),
    [
        (("notes",), ALL, "notes: not serving after 1 s"),
        (("notes", "imaging"), ("fusion", "clinical"), None),
        (("fusion",), (), "fusion: not serving after 1 s"),
    ],
)
def test_only_services_that_are_needed_fail_it(down, needs, reason) -> None:
    async def main() -> str:
        async with served(down=down) as gateway:
            return await asked(f"http://127.0.0.1:{gateway.rest_port}", needs=needs)

    if reason:
        with pytest.raises(SmokeError, match=reason):
            asyncio.run(main())
    else:
        assert "UNREACHABLE" in asyncio.run(main())


def test_where_callers_sign_in_a_stranger_must_be_refused_and_a_token_is_used(tmp_path: Path) -> None:
    token = tmp_path / "token"

    async def main(**settings: Any) -> list[str]:
        async with served(**settings) as gateway:
            url = f"http://127.0.0.1:{gateway.rest_port}"
            said = [await asked(url, callers="sign-in"), await asked(url, callers="sign-in", token=token)]
            token.write_text("not-a-token")
            with pytest.raises(SmokeError, match="refused: 401 INVALID_TOKEN"):
                await asked(url, callers="sign-in", token=token)
            return said

    with served_issuer() as issuer:
        token.write_text(issuer.token(scope="system/*.cruds") + "\n")
        found = asyncio.run(main(auth="oidc", oidc_issuers=(issuer.url,), oidc_audiences=(AUDIENCE,)))
    assert "without a token is refused" in found[0]
    assert "prognosis of simulated" in found[1]


def test_a_door_that_should_ask_for_tokens_and_does_not_fails_it() -> None:
    async def main() -> str:
        async with served() as gateway:
            return await asked(f"http://127.0.0.1:{gateway.rest_port}", callers="sign-in")

    with pytest.raises(SmokeError, match=r"without a token was answered 20[01], not 401"):
        asyncio.run(main())


@pytest.mark.parametrize("mutual", [False, True])
def test_the_door_is_known_by_its_own_certificate_under_any_name(tmp_path: Path, mutual) -> None:
    authority = Authority(tmp_path)
    pair, other = authority.issue(), authority.issue("other")
    files = {"tls_certificate": pair.certificate, "tls_key": pair.key}
    files |= {"tls_client_ca": authority.certificate} if mutual else {}
    settings = Settings(rest_port=free_port(), drain_s=1, data_dir=tmp_path / "records", **files)
    url = f"https://127.0.0.1:{settings.rest_port}"

    async def main() -> None:
        stop = asyncio.Event()
        process = asyncio.create_task(run(settings, stop))
        try:
            if mutual:
                said = await asked(url, callers="certificate", certificate=pair.certificate, wait_s=10)
                assert "without a certificate is refused" in said
            else:
                # There is no fusion: what counts is that the services are told.
                with pytest.raises(SmokeError, match="fusion"):
                    await asked(url, needs=(), certificate=pair.certificate, wait_s=2)
                with pytest.raises(SmokeError, match="store, fusion"):  # another certificate of the same authority
                    await asked(url, needs=(), certificate=other.certificate)
        finally:
            stop.set()
            await process

    asyncio.run(main())


def test_where_nobody_answers_it_says_so_in_one_line() -> None:
    with pytest.raises(SmokeError, match="store, fusion: not serving after 0 s"):
        asyncio.run(asked(f"http://127.0.0.1:{free_port()}", needs=(), wait_s=0.1))
