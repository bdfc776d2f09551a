"""The shipped click network on real PET, CT and MR of the sarcoma cohort: plumbing, not accuracy (it learned them).

Held-out figures stand in ``services/tumorcast_imaging/segmenters/click/card.md``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from support.clicks import dice
from tumorcast_imaging.model.clicking import named_segmenter, segment
from tumorcast_imaging.model.clicking.seeds import center_most
from tumorcast_training.segmentation.reader import drawn_series

DATA = Path(__file__).parents[3] / "shared" / "data" / "sarcoma_pet_ct_mr"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")]
LEAST_DICE = {"PT": 0.6, "CT": 0.4, "MR": 0.4}


@pytest.mark.parametrize("patient", ["STS_006", "STS_016"])
def test_a_click_in_the_middle_of_a_real_tumor_finds_most_of_it(patient: str) -> None:
    segmenter = named_segmenter()
    for series in drawn_series(DATA, patient):
        volume = series.volume
        point = (volume.affine_lps @ [*center_most(series.mask, volume.spacing_mm), 1])[:3]
        clicked = segment(volume, point.tolist(), segmenter)
        assert clicked.region is not None
        assert dice(clicked.region.mask, series.mask) > LEAST_DICE[volume.dicom_modality]
        assert 0.5 < clicked.account.mean_probability <= 1
        assert np.all(np.diff(clicked.account.widths_mm) > 0)
