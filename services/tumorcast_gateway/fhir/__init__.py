"""FHIR R4 out: what the gateway says to an EHR."""
