"""Where the Kubernetes API keeps each kind of object; a table, so that nothing need be discovered."""

from __future__ import annotations

from dataclasses import dataclass

from tumorcast_core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: its group and version (``v1`` for the core), its plural in paths, and whether a namespace holds it."""

    group_version: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """The API group; empty for the core.

        >>> KINDS["Deployment"].group, KINDS["Pod"].group
        ('apps', '')
        """
        return self.group_version.rpartition("/")[0]

    @property
    def full_name(self) -> str:
        """The resource as a Role or ``kubectl`` names it.

        >>> KINDS["RayService"].full_name
        'rayservices.ray.io'
        """
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The path on the API server.

        >>> KINDS["Deployment"].path("ward", "tumorcast-fusion", "scale")
        '/apis/apps/v1/namespaces/ward/deployments/tumorcast-fusion/scale'
        >>> KINDS["Node"].path("ward")
        '/api/v1/nodes'
        """
        parts = ["apis" if self.group else "api", self.group_version]
        parts += ["namespaces", namespace] if self.namespaced else []
        return "/" + "/".join(filter(None, [*parts, self.plural, name, subresource]))


KINDS: dict[str, Kind] = {
    "ConfigMap": Kind("v1", "configmaps"),
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "Node": Kind("v1", "nodes", namespaced=False),
    "PersistentVolumeClaim": Kind("v1", "persistentvolumeclaims"),
    "Pod": Kind("v1", "pods"),
    "ResourceQuota": Kind("v1", "resourcequotas"),
    "Service": Kind("v1", "services"),
    "ServiceAccount": Kind("v1", "serviceaccounts"),
    "DaemonSet": Kind("apps/v1", "daemonsets"),
    "Deployment": Kind("apps/v1", "deployments"),
    "ReplicaSet": Kind("apps/v1", "replicasets"),
    "StatefulSet": Kind("apps/v1", "statefulsets"),
    "CronJob": Kind("batch/v1", "cronjobs"),
    "Job": Kind("batch/v1", "jobs"),
    "HorizontalPodAutoscaler": Kind("autoscaling/v2", "horizontalpodautoscalers"),
    "SelfSubjectAccessReview": Kind("authorization.k8s.io/v1", "selfsubjectaccessreviews", namespaced=False),
    "EndpointSlice": Kind("discovery.k8s.io/v1", "endpointslices"),
    "Event": Kind("events.k8s.io/v1", "events"),
    "Ingress": Kind("networking.k8s.io/v1", "ingresses"),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies"),
    "PodDisruptionBudget": Kind("policy/v1", "poddisruptionbudgets"),
    "StorageClass": Kind("storage.k8s.io/v1", "storageclasses", namespaced=False),
    "CustomResourceDefinition": Kind("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False),
    "Certificate": Kind("cert-manager.io/v1", "certificates"),
    "ClusterIssuer": Kind("cert-manager.io/v1", "clusterissuers", namespaced=False),
    "Issuer": Kind("cert-manager.io/v1", "issuers"),
    "GRPCRoute": Kind("gateway.networking.k8s.io/v1", "grpcroutes"),
    "Gateway": Kind("gateway.networking.k8s.io/v1", "gateways"),
    "HTTPRoute": Kind("gateway.networking.k8s.io/v1", "httproutes"),
    "ScaledObject": Kind("keda.sh/v1alpha1", "scaledobjects"),
    "PodMonitor": Kind("monitoring.coreos.com/v1", "podmonitors"),
    "PrometheusRule": Kind("monitoring.coreos.com/v1", "prometheusrules"),
    "ServiceMonitor": Kind("monitoring.coreos.com/v1", "servicemonitors"),
    "RayCluster": Kind("ray.io/v1", "rayclusters"),
    "RayJob": Kind("ray.io/v1", "rayjobs"),
    "RayService": Kind("ray.io/v1", "rayservices"),
}
"""Secrets are not among them: no command reads one."""


def kind_of(name: str) -> Kind:
    """Look up a kind; raises ``InvalidInput`` for one that Tumorcast has nothing to do with."""
    try:
        return KINDS[name]
    except KeyError:
        raise InvalidInput(f"Tumorcast does not work with objects of kind {name}.") from None
