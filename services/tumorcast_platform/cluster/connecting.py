"""From a kubeconfig, or from within a pod, to one ``ApiClient`` that checks whom it talks to."""

from __future__ import annotations

import os
import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tumorcast_core.errors import NoCluster

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def connect(context: str | None = None) -> tuple[ApiClient, str]:
    """The client, and the namespace that the context or the pod is in. Raises ``NoCluster``.

    A kubeconfig (``KUBECONFIG``, else ``~/.kube/config``) counts before the pod's own service account.
    """
    files = _kubeconfig_files()
    if files or context is not None:
        configuration, namespace = _from_kubeconfig(files, context)
    elif "KUBERNETES_SERVICE_HOST" in os.environ:
        configuration, namespace = _from_within()
    else:
        raise NoCluster("No cluster is configured: there is no kubeconfig (KUBECONFIG or ~/.kube/config).")
    return _client(configuration), namespace


def _kubeconfig_files() -> list[Path]:
    """The kubeconfig files that are there; raises ``NoCluster`` where KUBECONFIG names none that is."""
    named = [Path(part).expanduser() for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    found = [path for path in named or [Path("~/.kube/config").expanduser()] if path.is_file()]
    if named and not found:
        raise NoCluster(f"KUBECONFIG names {named[0]}, which is not there.")
    return found


def _from_kubeconfig(files: list[Path], context: str | None) -> tuple[Any, str]:
    import yaml
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, kube_config

    if not files:
        raise NoCluster(f"There is no kubeconfig in which to look for the context {context}.")
    shown = os.pathsep.join(map(str, files))
    configuration = Configuration()
    try:
        contexts, active = kube_config.list_kube_config_contexts(shown)
        if context is not None:
            active = next((c for c in contexts if c["name"] == context), None)
            if active is None:
                names = ", ".join(sorted(str(c["name"]) for c in contexts))
                raise NoCluster(f"The kubeconfig {shown} has no context {context}; it has: {names}.")
        kube_config.load_kube_config(shown, context, client_configuration=configuration, persist_config=False)
        namespace = str(active["context"].get("namespace") or "default")
    except NoCluster:
        raise
    except ConfigException as e:
        raise NoCluster(f"The kubeconfig {shown} cannot be used: {_one_line(e)}") from e
    except yaml.YAMLError as e:  # its text quotes the file, which may hold a token
        raise NoCluster(f"The kubeconfig {shown} is not YAML.") from e
    except Exception as e:  # whatever a damaged file makes the client trip over, without its text
        raise NoCluster(f"The kubeconfig {shown} cannot be read ({type(e).__name__}).") from e
    return configuration, namespace


def _from_within() -> tuple[Any, str]:
    from kubernetes.client import Configuration
    from kubernetes.config import ConfigException, incluster_config

    configuration = Configuration()
    try:
        incluster_config.load_incluster_config(client_configuration=configuration)
        namespace = _SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="ascii").strip()
    except (ConfigException, OSError, UnicodeDecodeError) as e:
        raise NoCluster("This pod has no service-account token, and there is no kubeconfig.") from e
    return configuration, namespace


def _client(configuration: Any) -> ApiClient:
    from kubernetes.client import ApiClient

    _check_trust(configuration)
    configuration.retries = False  # urllib3's own: three more, without a pause, each with its whole time-out
    configuration.safe_chars_for_path_param = ""
    try:
        client = ApiClient(configuration)
    except (OSError, ssl.SSLError, ValueError) as e:
        raise NoCluster(f"The kubeconfig's certificates cannot be used ({type(e).__name__}).") from e
    client.user_agent = "tumorcast-platform"
    return client


def _check_trust(configuration: Any) -> None:
    """Refuse to send a token to whoever answers: TLS is checked, and clear text goes no further than this machine."""
    url = urlsplit(configuration.host or "")
    if not url.hostname or url.scheme not in ("http", "https"):
        raise NoCluster("The kubeconfig names no server with an http(s) address.")
    if not configuration.verify_ssl:
        raise NoCluster(
            "The kubeconfig says insecure-skip-tls-verify: anybody between could take the token. "
            "Give certificate-authority-data in its place."
        )
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise NoCluster("The kubeconfig's server is http:// on another machine; use https://.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
