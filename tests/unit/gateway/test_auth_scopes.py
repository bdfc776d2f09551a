"""SMART scopes → what a caller may do, and to whom."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.issuer import AUDIENCE
from tumorcast_core.errors import InvalidToken, PermissionDenied, Unauthenticated
from tumorcast_gateway.auth.authenticator import Bearers, Everyone
from tumorcast_gateway.auth.scopes import granted
from tumorcast_gateway.model.caller import ANYONE, Caller, Permission
from tumorcast_gateway.settings import Settings

READ, PREDICT, WRITE, ADMIN = Permission.READ, Permission.PREDICT, Permission.WRITE, Permission.ADMIN
SETTINGS = Settings(auth="oidc", oidc_issuers=("https://login.example.org",), oidc_audiences=(AUDIENCE,))


@pytest.mark.parametrize(
    ("scope", "permissions"),
    [
        ("{}/*.read", {READ, PREDICT}),
        ("{}/*.write", {WRITE, PREDICT}),
        ("{}/*.*", {READ, PREDICT, WRITE}),
        ("{}/RiskAssessment.read", {READ}),
        ("{}/RiskAssessment.write", {WRITE, PREDICT}),
        ("{}/*.rs", {READ, PREDICT}),
        ("{}/*.cruds", {READ, PREDICT, WRITE}),
        ("{}/RiskAssessment.cruds", {READ, PREDICT, WRITE}),
        ("{}/RiskAssessment.rs", {READ}),
        ("{}/RiskAssessment.c", {PREDICT}),
        ("{}/RiskAssessment.cu", {PREDICT, WRITE}),
        ("{}/*.r", set()),
        ("{}/*.s", set()),
        ("{}/*.d", set()),
        ("{}/*.u", set()),
        ("{}/Observation.rs", set()),
        ("{}/Observation.write", set()),
        ("{}/*.sr", set()),
        ("{}/*.rr", set()),
        ("{}/*.", set()),
        ("{}/*", set()),
        ("{}/*.rs?category=laboratory", set()),
        ("{}/RiskAssessment.rs?status=final", set()),
        ("{}/riskassessment.rs", set()),
        ("{}/*.READ", set()),
        ("{}/*.read.write", set()),
        ("x{}/*.read", set()),
        ("{}//*.read", set()),
    ],
)
@pytest.mark.parametrize("context", ["patient", "user", "system"])
def test_a_scope_allows_what_the_table_says(context, scope, permissions) -> None:
    found = granted([scope.format(context)], "tumorcast/admin")
    assert found.one_patient == (permissions if context == "patient" else set())
    assert found.all_patients == (set() if context == "patient" else permissions)


def test_only_the_configured_scope_makes_an_administrator() -> None:
    assert granted(["tumorcast/admin", "system/*.cruds"], "tumorcast/admin").all_patients == set(Permission)
    for scope in ("tumorcast/ADMIN", "admin", "tumorcast/admin/x", "system/*.*"):
        assert ADMIN not in granted([scope], "tumorcast/admin").all_patients


def test_contexts_that_the_operator_leaves_out_allow_nothing() -> None:
    found = granted(["user/*.cruds", "system/*.cruds", "patient/*.rs"], "tumorcast/admin", ("patient",))
    assert (found.one_patient, found.all_patients) == ({READ, PREDICT}, set())


@given(st.lists(st.text(max_size=30) | st.from_regex(r"(patient|user|system)/(\*|[A-Z][a-z]+)\.[a-z*?=]{0,8}")))
def test_more_scopes_never_allow_less_and_none_allow_administration(scopes) -> None:
    whole = granted(scopes, "tumorcast/admin")
    for part in (scopes[:1], scopes[1:]):
        some = granted(part, "tumorcast/admin")
        assert some.one_patient <= whole.one_patient
        assert some.all_patients <= whole.all_patients
    assert ADMIN not in whole.one_patient | whole.all_patients or "tumorcast/admin" in scopes


# Whom a token speaks for


class Taken:
    """Takes every token for good; its claims are given."""

    def __init__(self, claims: dict[str, object]) -> None:
        self._claims = claims

    async def claims(self, token: str) -> dict[str, object]:
        return {"iss": "https://login.example.org", "sub": "user-1", **self._claims}


def caller(authorization: str | None = "Bearer x", settings: Settings = SETTINGS, **claims: object) -> Caller:
    return asyncio.run(Bearers(Taken(claims), settings).caller(authorization))  # type: ignore[arg-type]


def test_a_patient_token_sees_that_patient_only() -> None:
    found = caller(scope="launch/patient patient/*.read", patient="p1")
    assert found.patient_id == "p1"
    assert found.permissions == {READ, PREDICT}
    found.require_patient("p1")
    with pytest.raises(PermissionDenied):
        found.require_patient("p2")
    with pytest.raises(PermissionDenied):
        found.require_patient("")
    with pytest.raises(PermissionDenied):
        found.require_all_patients()
    with pytest.raises(PermissionDenied):
        found.require(WRITE)


@pytest.mark.parametrize("patient", [None, "", 7, ["p1"], "p1/../p2", "p 1", "Group/p1", "x" * 65, "*", "p1,p2"])
def test_a_patient_token_without_a_patient_is_refused(patient) -> None:
    with pytest.raises(PermissionDenied):
        caller(scope="patient/*.read", patient=patient)


@pytest.mark.parametrize("patient", ["p1", "Patient/p1"])
def test_the_patient_may_stand_there_as_a_reference(patient) -> None:
    assert caller(scope="patient/*.read", patient=patient).patient_id == "p1"


def test_the_claim_with_the_patient_has_the_name_that_the_operator_gave() -> None:
    settings = SETTINGS.model_copy(update={"oidc_patient_claim": "launch_patient"})
    assert caller(scope="patient/*.read", settings=settings, launch_patient="p1").patient_id == "p1"
    with pytest.raises(PermissionDenied):
        caller(scope="patient/*.read", settings=settings, patient="p1")


def test_user_and_system_tokens_see_every_patient() -> None:
    for scope in ("user/*.read", "system/*.read"):
        assert caller(scope=scope).patient_id is None
        assert caller(scope=scope, patient="p1").patient_id is None  # SMART: context does not narrow these


def test_a_token_with_both_kinds_of_scope_is_held_to_its_patient() -> None:
    found = caller(scope="patient/*.read system/RiskAssessment.cu", patient="p1")
    assert (found.patient_id, found.permissions) == ("p1", {READ, PREDICT, WRITE})
    found = caller(scope="patient/*.read system/RiskAssessment.cu")
    assert (found.patient_id, found.permissions) == (None, {PREDICT, WRITE})


@pytest.mark.parametrize(
    "claims", [{}, {"scope": "openid profile"}, {"scope": 7}, {"scp": None}, {"scope": "patient/*"}]
)
def test_a_token_without_a_scope_that_counts_is_refused(claims) -> None:
    with pytest.raises(PermissionDenied):
        caller(**claims)


def test_who_it_is_comes_from_the_token() -> None:
    found = caller(scope="user/*.rs", azp="app-1", client_id="app-2")
    assert (found.subject, found.client_id, found.issuer) == ("user-1", "app-1", "https://login.example.org")
    assert caller(scope="user/*.rs", client_id="app-2").client_id == "app-2"
    assert caller(scope="system/*.rs", sub=None, client_id="app-2").subject == "app-2"
    with pytest.raises(InvalidToken):
        caller(scope="system/*.rs", sub=None)
    with pytest.raises(InvalidToken):
        caller(scope="system/*.rs", sub="x" * 1000)


@pytest.mark.parametrize("authorization", [None, "", "Basic dXNlcjpwdw==", "bearer", "Token x", "BearerX x", "x"])
def test_without_a_bearer_token_nobody_is_established(authorization) -> None:
    if authorization == "bearer":
        return  # the empty token goes to the check of tokens
    with pytest.raises(Unauthenticated) as caught:
        caller(authorization)
    assert type(caught.value) is Unauthenticated


def test_what_a_caller_is_stands_in_no_text_of_it() -> None:
    found = caller(scope="patient/*.rs", patient="p1", azp="app-1")
    assert not {word for word in ("user-1", "app-1", "p1", "login") if word in repr(found)}


def test_without_authentication_everyone_may_do_everything() -> None:
    assert asyncio.run(Everyone().caller(None)) is ANYONE
    assert ANYONE.permissions == set(Permission)
