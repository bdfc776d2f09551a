"""Model descriptions → protobuf."""

from tumorcast.fusion.v1 import fusion_service_pb2 as pb
from tumorcast_core import wire
from tumorcast_fusion.model import PrognosisModel


def summary_to(model: PrognosisModel) -> pb.ModelSummary:
    """Describe a model: identity, use, inputs, endpoints."""
    manifest = model.manifest
    return pb.ModelSummary(
        ref=wire.model_ref_to(model.ref),
        indication=manifest.indication,
        intended_use=manifest.intended_use,
        simulated=manifest.simulated,
        groups=[
            pb.InputGroup(
                id=group.id,
                modality=wire.modality_to(group.modality),
                timepoint=group.timepoint,
                features=group.features,
                embedding_spaces=group.embedding.spaces if group.embedding else (),
            )
            for group in manifest.groups
        ],
        endpoints=[
            pb.EndpointDescription(
                id=endpoint.id,
                kind=wire.endpoint_kind_to(endpoint.kind),
                definition=endpoint.definition,
                horizons_days=endpoint.horizons_days,
            )
            for endpoint in manifest.endpoints
        ],
    )
