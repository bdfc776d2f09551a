"""The REST door speaks TLS from files, and takes new ones without a restart."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from typing import Any

import httpx
import pytest

from support.certificates import Authority, Pair
from support.gateway_served import free_port
from tumorcast_core.tls import TlsFiles
from tumorcast_gateway.app import run
from tumorcast_gateway.auth.tls import keep_fresh
from tumorcast_gateway.settings import Settings


async def status_of(
    port: int, path: str, authority: Authority, client: Pair | None = None, scheme: str = "https"
) -> Any:
    """Status and headers, or the name of what went wrong."""
    trust = ssl.create_default_context(cafile=authority.certificate)
    if client:
        trust.load_cert_chain(client.certificate, client.key)
    async with httpx.AsyncClient(verify=trust, trust_env=False) as http:
        try:
            answer = await http.get(f"{scheme}://127.0.0.1:{port}{path}")
        except httpx.TransportError as e:
            return type(e).__name__, {}
        return answer.status_code, answer.headers


async def started(port: int, authority: Authority, client: Pair | None = None) -> None:
    for _ in range(300):
        if (await status_of(port, "/healthz", authority, client))[0] == 200:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the gateway did not start")


@pytest.mark.parametrize("mutual", [False, True])
def test_rest_speaks_tls_from_files_and_says_to_stay_with_it(tmp_path, mutual) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    pair, ours, theirs = authority.issue(), authority.issue("app"), other.issue("stranger")
    files = {"tls_certificate": pair.certificate, "tls_key": pair.key}
    files |= {"tls_client_ca": authority.certificate} if mutual else {}
    settings = Settings(rest_port=free_port(), drain_s=1, data_dir=tmp_path, **files)

    async def main() -> None:
        stop = asyncio.Event()
        process = asyncio.create_task(run(settings, stop))
        await started(settings.rest_port, authority, ours)
        status, headers = await status_of(settings.rest_port, "/v1/models", authority, ours)
        assert status == 503  # there is no fusion service
        assert headers["strict-transport-security"].startswith("max-age=31536000")
        for client in (None, theirs):
            status, _ = await status_of(settings.rest_port, "/healthz", authority, client)
            assert (status == 200) != mutual
        assert (await status_of(settings.rest_port, "/healthz", other, ours))[0] == "ConnectError"
        assert (await status_of(settings.rest_port, "/healthz", authority, scheme="http"))[0] != 200
        stop.set()
        await process

    asyncio.run(main())


def test_a_new_certificate_is_taken_without_a_restart(tmp_path) -> None:
    authority, successor = Authority(tmp_path), Authority(tmp_path, "successor")
    pair, new = authority.issue(), successor.issue("new")
    files = TlsFiles(pair.certificate, pair.key)
    context = files.context()

    async def main() -> None:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        fresh = asyncio.create_task(keep_fresh(context, files, every_s=0.05))
        certificates = []
        first = pair.certificate.read_bytes()
        for certificate, key in ((first, None), (b"broken", None), (new.certificate.read_bytes(), new.key)):
            pair.certificate.write_bytes(certificate)
            if key:
                pair.key.write_bytes(key.read_bytes())
            await asyncio.sleep(0.3)
            certificates.append(await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port)))
        fresh.cancel()
        server.close()
        assert certificates[0] == certificates[1]
        assert certificates[2].strip() == new.certificate.read_text().strip()

    asyncio.run(main())


# What stops the process from starting


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HOST": "0.0.0.0"}, b"insecure_demo=true overrides it"),
        ({"AUTH": "oidc"}, b"needs oidc_issuers and oidc_audiences"),
        ({"TLS_CERTIFICATE": "/nowhere/c.pem", "TLS_KEY": "/nowhere/k.pem"}, b"cannot be read or do not fit together"),
        ({"OUTBOUND_CA_FILE": "/nowhere/ca.pem"}, b"outbound_ca_file cannot be read"),
        ({"OUTBOUND_NETWORKS": '["hospital"]'}, b"hospital"),
        ({"OIDC_ADMIN_SCOPE_FILE": "/nowhere/scope"}, b"the file for oidc_admin_scope cannot be read"),
        (
            {
                "AUTH": "oidc",
                "OIDC_ISSUERS": '["https://login.example.org"]',
                "OIDC_AUDIENCES": '["x"]',
                "OIDC_JWKS_FILE": "/nowhere/keys.json",
            },
            b"oidc_jwks_file cannot be read",
        ),
    ],
)
def test_settings_that_are_off_end_the_process_with_one_line(tmp_path, environment, words) -> None:
    named = {f"TUMORCAST_GATEWAY_{name}": value for name, value in environment.items()}
    named |= {"TUMORCAST_GATEWAY_DATA_DIR": str(tmp_path), "TUMORCAST_GATEWAY_REST_PORT": str(free_port())}
    ended = subprocess.run(
        [sys.executable, "-m", "tumorcast_gateway.app"], env=os.environ | named, capture_output=True, timeout=60
    )
    assert ended.returncode == 1
    assert words in ended.stderr.splitlines()[-1]
    assert b"Traceback" not in ended.stderr
