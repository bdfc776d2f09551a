"""Compressed pixels → words, decoded in child processes under limits of memory and time."""

from tumorcast_imaging.dicom.decoding.inflate import inflate
from tumorcast_imaging.dicom.decoding.job import ALWAYS_LOSSY, MAY_BE_LOSSY, SYNTAXES, DecoderLimits, Job
from tumorcast_imaging.dicom.decoding.pool import DecoderPool, shared_pool

__all__ = [
    "ALWAYS_LOSSY",
    "MAY_BE_LOSSY",
    "SYNTAXES",
    "DecoderLimits",
    "DecoderPool",
    "Job",
    "inflate",
    "shared_pool",
]
