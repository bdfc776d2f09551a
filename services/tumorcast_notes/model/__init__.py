"""Findings in clinical documents, without protobuf or gRPC.

A small rule engine in the manner of NegEx (Chapman 2001, J Biomed Inform 34:301) and ConText (Harkema 2009, J Biomed
Inform 42:839): deterministic, readable, 200 lines and one lexicon. Why not a library: medspacy pins spaCy below 3.8
and its default rules miss "FINDINGS: No pleural effusion.", "cannot be excluded" and "has resolved"; negspacy knows
negation only; both bring spaCy into an image that needs nothing else of it.

>>> found = encode_notes([Document("visit", "2026-03-04", "", b"Denies pain. Weight loss of 6 kg.")])
>>> [(feature.name, feature.value, feature.source) for feature in found.extraction.features]
[('pain', 'absent', 'visit#char=7,11'), ('weight_loss', 'present', 'visit#char=13,24')]
"""

from tumorcast_notes.model.documents import Document, Limits
from tumorcast_notes.model.encode import NotesExtraction, encode_notes
from tumorcast_notes.model.findings import Finding
from tumorcast_notes.model.lexicon import Assertion

__all__ = ["Assertion", "Document", "Finding", "Limits", "NotesExtraction", "encode_notes"]
