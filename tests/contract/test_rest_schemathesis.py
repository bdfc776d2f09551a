"""schemathesis over the whole OpenAPI document, against the real gateway: what it says is true, and nothing breaks it.

Checks, beside "no 5xx": statuses, content types, headers and bodies as documented; what violates the document is
refused; what follows it is not, apart from what no schema can say (``support/schemathesis.toml``); methods that are
not there are 405 with the ``Allow`` of those that are; what was erased stays so, what was made is there.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from support.gateway_served import served
from support.issuer import AUDIENCE, served_issuer

TESTS = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("schemathesis")


async def _run(arguments: tuple[str, ...], **settings: Any) -> tuple[int, str]:
    async with served(**settings) as gateway:
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *("--config-file", TESTS / "support" / "schemathesis.toml"),
            *("run", f"http://127.0.0.1:{gateway.rest_port}/openapi.json", "--no-color", *arguments),
            env=os.environ | {"PYTHONPATH": str(TESTS)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()


def ask(*arguments: str, at_least: int, **settings: Any) -> None:
    code, said = asyncio.run(_run(arguments, **settings))
    assert code == 0, said[-20_000:]
    asked = re.search(r"(\d+) generated, (\d+) passed", said)
    selected = re.search(r"Operations: +(\d+) selected / (\d+) total", said)
    assert asked, said
    assert selected, said
    assert selected[1] == selected[2], "an operation was left out"
    assert int(asked[2]) >= at_least, said


@pytest.mark.timeout(180)
def test_the_door_does_what_its_openapi_says_and_never_breaks() -> None:
    ask("--seed", "7", "--max-examples", "2", "--max-time", "25", at_least=300)


@pytest.mark.timeout(120)
def test_no_operation_that_asks_for_a_token_answers_without_one() -> None:
    with served_issuer() as issuer:
        token = issuer.token(scope="system/*.cruds tumorcast/admin")
        ask(
            *("-H", f"Authorization: Bearer {token}", "--seed", "7", "--phases", "examples,coverage"),
            *("--checks", "ignored_auth,not_a_server_error,status_code_conformance", "--max-time", "30"),
            at_least=100,
            auth="oidc",
            oidc_issuers=(issuer.url,),
            oidc_audiences=(AUDIENCE,),
            failures_per_minute=1_000_000,
        )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_does_so_for_two_minutes_of_whatever_comes() -> None:
    ask("--max-examples", "100", "--max-time", "120", at_least=2_000)
