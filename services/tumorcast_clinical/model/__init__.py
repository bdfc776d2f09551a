"""Features of one patient's FHIR R4 record, without protobuf or gRPC.

>>> found = extract_features(b'{"resourceType": "Patient", "id": "p1", "gender": "female"}')
>>> [(feature.name, feature.value, feature.source) for feature in found.features]
[('sex', 'female', 'Patient/p1')]
"""

from tumorcast_clinical.model.extract import extract_features, extract_file
from tumorcast_clinical.model.record.parse import Limits
from tumorcast_clinical.model.units.table import analyte_table
from tumorcast_core.snapshot import Extraction

__all__ = ["Extraction", "Limits", "analyte_table", "extract_features", "extract_file"]
