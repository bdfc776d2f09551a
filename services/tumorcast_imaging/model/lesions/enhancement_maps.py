"""Maps of percent enhancement and SER in a study: which series they are, and the functional volume drawn on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tumorcast_core.errors import InvalidInput, UnsoundSeries
from tumorcast_core.snapshot import Feature, Issue
from tumorcast_imaging.model.lesions.functional_volume import (
    DEFAULT,
    EnhancementMaps,
    FunctionalVolume,
    Thresholds,
    features,
    functional_volume,
)

if TYPE_CHECKING:
    from tumorcast_imaging.dicom import Region, Segmentation, Series, Study, Volume

    Drawn = Iterable[tuple[Volume, Segmentation]]

_SAME_MM = 0.1


def find_maps(study: Study) -> tuple[Series, Series] | None:
    """The series of early percent enhancement and of SER, if their headers say so and there is one of each.

    UCSF's maps say it in Image Type (0008,0008): values 3 and 4 are DCE and PE1, or DCE and SER.
    """
    enhancement, ser = ([s for s in study.series if _kind(s) == ("DCE", kind)] for kind in ("PE1", "SER"))
    if len(enhancement) != 1 or len(ser) != 1:
        return None
    return enhancement[0], ser[0]


def _kind(series: Series) -> tuple[str, ...]:
    kinds = {header.image_type[2:4] for header in series.headers}
    return kinds.pop() if len(kinds) == 1 else ()


def maps_of(enhancement: Volume, ser: Volume) -> EnhancementMaps:
    """The maps of two volumes on one grid; raises ``InvalidInput`` if they cannot be percent and ratio maps of one."""
    if not _on_the_same_voxels(enhancement, ser):
        raise InvalidInput("The enhancement and ratio maps do not lie on the same voxels.")
    percent = enhancement.array.astype(np.float64)
    if percent.max(initial=0) <= _HIGHEST_FRACTION:
        raise InvalidInput("The enhancement map is not in percent.")
    return EnhancementMaps(percent, ser.array.astype(np.float64))


_HIGHEST_FRACTION = 5.0
"""A map whose highest enhancement is 5 % is one of fractions: no breast enhances so little."""


def regions_on(enhancement: Volume, drawn: Drawn) -> list[Region]:
    """The regions that lie on the voxels of the maps, whichever series they were drawn on; each once."""
    found = {
        region.source: region
        for volume, segmentation in drawn
        if _on_the_same_voxels(volume, enhancement)
        for region in segmentation.regions
    }
    return list(found.values())


def measure_maps(
    enhancement: Volume, ser: Volume, drawn: Drawn, thresholds: Thresholds = DEFAULT
) -> list[tuple[Region, FunctionalVolume]]:
    """The functional volume within each region on the maps; raises ``InvalidInput`` if they are no pair of maps."""
    maps = maps_of(enhancement, ser)
    return [
        (region, functional_volume(maps, region.mask, enhancement.spacing_mm, thresholds))
        for region in regions_on(enhancement, drawn)
    ]


def map_features(
    study: Study, volumes: Sequence[Volume], drawn: Drawn, **where: Any
) -> tuple[tuple[Feature, ...], tuple[Issue, ...]]:
    """What models read of the maps of a study: the functional volume within all regions together.

    Nothing where the study has no maps or nothing is drawn on them. Raises ``UnsoundSeries`` or ``InvalidInput`` where
    maps that the headers name cannot be used.
    """
    pair = find_maps(study)
    if pair is None:
        return (), ()
    enhancement, ser = (only_volume(volumes, series.series_instance_uid) for series in pair)
    regions = regions_on(enhancement, drawn)
    if not regions:
        return (), ()
    interest = np.logical_or.reduce([region.mask for region in regions])
    found = functional_volume(maps_of(enhancement, ser), interest, enhancement.spacing_mm)
    uids = (enhancement.series_instance_uid, ser.series_instance_uid)
    told = {"source": regions[0].source, "sources": uids, "effective": enhancement.date} | where
    return features(found, **told)


def only_volume(volumes: Sequence[Volume], series_instance_uid: str) -> Volume:
    """The one volume of a series of maps; raises ``UnsoundSeries``."""
    found = [volume for volume in volumes if volume.series_instance_uid == series_instance_uid]
    if len(found) != 1:
        raise UnsoundSeries("A series of enhancement maps is not one sound volume.")
    return found[0]


def _on_the_same_voxels(one: Volume, other: Volume) -> bool:
    same_space = one.frame_of_reference_uid == other.frame_of_reference_uid
    same_size = one.array.shape == other.array.shape
    return same_space and same_size and np.allclose(one.affine_lps, other.affine_lps, atol=_SAME_MM)
