"""The study store that the settings name."""

from __future__ import annotations

from pathlib import Path

from tumorcast_imaging.adapters.studies.folder_store import FolderStudyStore
from tumorcast_imaging.dicom.limits import Limits
from tumorcast_imaging.model.ports import StudyStore
from tumorcast_imaging.settings import Settings


def open_store(settings: Settings) -> StudyStore:
    """A folder, or a DICOMweb server behind a cache; raises ``ValueError`` if its host is not allowed."""
    limits = Limits(max_file_bytes=settings.max_file_mib << 20)
    if not settings.study_store.startswith(("http://", "https://")):
        return FolderStudyStore(settings.study_store, limits=limits)
    from tumorcast_imaging.adapters.studies.dicomweb_client import Credentials, DicomwebClient  # not needed by a folder
    from tumorcast_imaging.adapters.studies.dicomweb_store import DicomwebStudyStore

    secret_file = Path(settings.dicomweb_secret_file) if settings.dicomweb_secret_file else None
    client = DicomwebClient(
        settings.study_store,
        allowed_hosts=settings.dicomweb_allowed_hosts,
        credentials=Credentials(settings.dicomweb_user, settings.dicomweb_secret.get_secret_value(), secret_file),
        timeout_s=settings.dicomweb_timeout_s,
        longest_s=settings.dicomweb_longest_s,
        ca_file=Path(settings.dicomweb_ca_file) if settings.dicomweb_ca_file else None,
    )
    return DicomwebStudyStore(
        client, settings.study_cache, max_cache_bytes=settings.study_cache_mib << 20, limits=limits
    )
