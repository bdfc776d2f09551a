"""Reads the structured record: FHIR R4 in, catalogued features out."""
