"""HTTP that the gateway asks for by itself: keys of issuers, EHRs and CDS clients, records written back.

Everything that leaves this process by HTTP goes through here, to hosts that the operator named.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from tumorcast_core.outbound import Destinations, Outbound
from tumorcast_gateway.settings import Settings


def outbound_of(settings: Settings) -> Outbound:
    """Make the client for this process's event loop; raises ``ValueError`` for settings that are off.

    Hosts of issuers, of ``oidc_jwks_url``, in ``cds_clients``, and of an EHR that is written to, may be asked without
    being named again in ``outbound_hosts``.
    """
    keys_of_ehrs = (where for where in settings.cds_clients.values() if "://" in where)
    ehr = settings.fhir_base_url if settings.fhir_write_back else ""
    own = (*settings.oidc_issuers, *filter(None, [settings.oidc_jwks_url, ehr]), *keys_of_ehrs)
    hosts = (*settings.outbound_hosts, *(urlsplit(url).netloc for url in own))
    destinations = Destinations.of(tuple(dict.fromkeys(hosts)), settings.outbound_networks)
    try:
        return Outbound(
            destinations,
            ca_file=settings.outbound_ca_file,
            timeout_s=settings.outbound_timeout_s,
            max_bytes=settings.outbound_max_mib << 20,
        )
    except OSError as e:
        raise ValueError("outbound_ca_file cannot be read") from e
