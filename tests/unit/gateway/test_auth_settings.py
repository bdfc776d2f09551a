"""Settings that would leave a door open are refused in words; secrets may come as files."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from tumorcast_core import secret_files
from tumorcast_gateway.settings import Settings

OIDC = {
    "auth": "oidc",
    "oidc_issuers": ("https://login.example.org",),
    "oidc_audiences": ("https://tumorcast.example.org",),
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"oidc_issuers": ()}, "needs oidc_issuers"),
        ({"oidc_audiences": ()}, "needs oidc_issuers and oidc_audiences"),
        ({"oidc_issuers": ("http://login.example.org",)}, "https URL"),
        ({"oidc_issuers": ("http://127.0.0.1:8080/realms/x",)}, None),
        ({"oidc_issuers": ("https://user:pw@login.example.org",)}, "https URL"),
        ({"oidc_issuers": ("https://login.example.org?x=1",)}, "https URL"),
        ({"oidc_issuers": ("login.example.org",)}, "https URL"),
        ({"oidc_algorithms": ("none",)}, "Input should be"),
        ({"oidc_algorithms": ("HS256",)}, "Input should be"),
        ({"oidc_algorithms": ()}, "at least 1"),
        ({"oidc_skew_s": 3600}, "120"),
        ({"oidc_contexts": ("everyone",)}, "Input should be"),
        ({"oidc_jwks_url": "https://k.example", "oidc_jwks_file": "/k"}, "exclude each other"),
        ({"oidc_jwks_file": "/k", "oidc_issuers": ("https://a.example", "https://b.example")}, "exactly one"),
        ({"host": "0.0.0.0"}, "must not travel in clear"),
        ({"host": "0.0.0.0", "tls_elsewhere": True}, None),
        ({"host": "0.0.0.0", "tls_certificate": "/c", "tls_key": "/k"}, None),
        ({"tls_certificate": "/c"}, "go together"),
        ({"tls_key": "/k"}, "go together"),
        ({"tls_client_ca": "/ca"}, "needs tls_certificate"),
        ({"cors_origins": ("*",)}, r"\* is not taken"),
        ({"cors_origins": ("null",)}, "origin"),
        ({"cors_origins": ("https://app.example/",)}, "origin"),
        ({"cors_origins": ("http://app.example",)}, "origin"),
        ({"cors_origins": ("https://user@app.example",)}, "origin"),
        ({"cors_origins": ("https://app.example:8443", "http://localhost:3000")}, None),
        ({"rate_per_minute": 0}, "greater than or equal"),
        ({"auth": "basic"}, "Input should be"),
    ],
)
def test_weak_settings_are_refused_in_words(changed, words) -> None:
    if words is None:
        assert Settings(**OIDC | changed).auth == "oidc"
        return
    with pytest.raises(ValidationError, match=words):
        Settings(**OIDC | changed)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gateway.example.org", ""])
def test_without_authentication_only_this_machine_is_served_unless_said_aloud(host) -> None:
    with pytest.raises(ValidationError, match="insecure_demo"):
        Settings(host=host)
    assert Settings(host=host, insecure_demo=True)


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    monkeypatch.setattr(secret_files.SecretFiles.__init__, "__defaults__", (tmp_path,))
    return tmp_path


def test_a_setting_may_come_from_a_file(tmp_path, monkeypatch) -> None:
    (tmp_path / "audiences").write_text('["https://tumorcast.example.org"]\n')
    (tmp_path / "claim").write_text("launch_patient\r\n")
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_AUDIENCES_FILE", str(tmp_path / "audiences"))
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_PATIENT_CLAIM_FILE", str(tmp_path / "claim"))
    settings = Settings()
    assert settings.oidc_audiences == ("https://tumorcast.example.org",)
    assert settings.oidc_patient_claim == "launch_patient"


def test_a_secret_may_lie_where_docker_mounts_it(mounted, monkeypatch) -> None:
    (mounted / "tumorcast_gateway_oidc_admin_scope").write_text("from/file")
    assert Settings().oidc_admin_scope == "from/file"
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_ADMIN_SCOPE", "from/environment")
    assert Settings().oidc_admin_scope == "from/environment"
    assert Settings(oidc_admin_scope="from/caller").oidc_admin_scope == "from/caller"


def test_a_value_given_twice_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "scope").write_text("from/file")
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_ADMIN_SCOPE", "from/environment")
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_ADMIN_SCOPE_FILE", str(tmp_path / "scope"))
    with pytest.raises(SettingsError, match="exclude each other"):
        Settings()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"s3cret" * 20_000])
def test_a_file_that_cannot_be_read_is_named_without_what_is_in_it(tmp_path, monkeypatch, content) -> None:
    path = tmp_path / "scope"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_ADMIN_SCOPE_FILE", str(path))
    with pytest.raises(SettingsError, match="oidc_admin_scope") as caught:
        Settings()
    assert "s3cret" not in str(caught.value)


def test_a_setting_whose_own_name_ends_in_file_is_no_secret(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TUMORCAST_GATEWAY_OIDC_JWKS_FILE", str(tmp_path / "keys.json"))
    settings = Settings(oidc_issuers=("https://login.example.org",))
    assert settings.oidc_jwks_file == tmp_path / "keys.json"
