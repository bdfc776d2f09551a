"""Radiomics libraries side by side: the IBSI digital phantom, and a lesion of 64 x 64 x 64 voxels.

``python -m support.radiomics_peers NAME PHANTOM`` runs one library and prints JSON: ``values`` of the phantom under our
names, processor ``seconds`` of the lesion and ``mib``, the peak of the process. Gray levels are handed over ready; the
names of PyRadiomics, which most libraries use, are read as ours.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorcast_imaging.model.lesions.radiomics import names
from tumorcast_imaging.model.lesions.radiomics.names import Names

SPACING_MM = 2.0
Array = NDArray[Any]
Compute = Callable[[Array, Array], dict[str, float]]
AXES: Names = {
    "MajorAxisLength": "major_axis_length",
    "MinorAxisLength": "minor_axis_length",
    "LeastAxisLength": "least_axis_length",
    "Elongation": "elongation",
    "Flatness": "flatness",
}
OF_PYRADIOMICS: Mapping[str, tuple[str, Names]] = {
    "shape": ("shape", {**names.SHAPE, **AXES}),
    "firstorder": ("intensity", names.INTENSITY),
    "glcm": ("glcm", names.CO_OCCURRENCE),
    "glrlm": ("glrlm", names.RUNS),
    "glszm": ("glszm", names.SIZE_ZONES),
    "ngtdm": ("ngtdm", names.TONE_DIFFERENCES),
    "gldm": ("ngldm", names.DEPENDENCES),
    "ih": ("histogram", names.HISTOGRAM),
    "ivh": ("ivh", names.VOLUME_HISTOGRAM),
    "gldzm": ("gldzm", names.DISTANCE_ZONES),
}


def ours() -> Compute:
    from tumorcast_imaging.model.lesions.radiomics.preparation import Prepared
    from tumorcast_imaging.model.lesions.radiomics.workflow import measured

    def compute(levels: Array, mask: Array) -> dict[str, float]:
        inside = np.ones_like(mask)
        gray = np.where(mask, levels, 0).astype(np.int32)
        return measured(Prepared(levels.astype(float), mask, mask, inside, gray, SPACING_MM, "arbitrary"))

    return compute


def flash_radiomics() -> Compute:
    from flash_radiomics import getFeatureClasses

    classes = getFeatureClasses()

    def compute(levels: Array, mask: Array) -> dict[str, float]:
        settings = {"spacing": (SPACING_MM,) * 3, "backend": "cpu", "num_threads": 1, "binWidth": 1, "binMinimum": 1}
        image, region = levels.astype(np.float32), mask.astype(np.uint8)
        return _named(lambda family: classes[family](image, region, **settings).execute())

    return compute


def numpyradiomics() -> Compute:
    import numpyradiomics as library

    def compute(levels: Array, mask: Array) -> dict[str, float]:
        image = levels.astype(float)

        def run(family: str) -> Mapping[str, float]:
            if family == "shape":
                return library.shape(mask, (SPACING_MM,) * 3)
            if family == "firstorder":
                return library.firstorder(image, mask, binWidth=1)
            return getattr(library, family)(image, mask, binWidth=1)

        return _named(run)

    return compute


def fastrad() -> Compute:
    import torch
    from fastrad import FeatureExtractor, FeatureSettings, Mask, MedicalImage

    torch.set_num_threads(1)

    def compute(levels: Array, mask: Array) -> dict[str, float]:
        image = MedicalImage(torch.tensor(levels, dtype=torch.float32), (SPACING_MM,) * 3)
        region = Mask(torch.tensor(mask, dtype=torch.float32), (SPACING_MM,) * 3)

        def run(family: str) -> Mapping[str, float]:
            settings = FeatureSettings(feature_classes=[family], bin_width=1.0, device="cpu")
            found = FeatureExtractor(settings).extract(image, region)
            plain = {name.split(":")[-1].replace("_", "").replace("0th", "0"): value for name, value in found.items()}
            return {name: plain[name.lower()] for name in OF_PYRADIOMICS[family][1] if name.lower() in plain}

        return _named(run)

    return compute


def simple_itk() -> Compute:
    import SimpleITK as sitk  # noqa: N813 - as its own manual does

    def compute(levels: Array, mask: Array) -> dict[str, float]:
        image, region = sitk.GetImageFromArray(levels.astype(np.float64)), sitk.GetImageFromArray(mask.astype(np.uint8))
        for one in (image, region):
            one.SetSpacing((SPACING_MM,) * 3)
        intensity, form = sitk.LabelIntensityStatisticsImageFilter(), sitk.LabelShapeStatisticsImageFilter()
        intensity.Execute(region, image)
        form.Execute(region)
        moments = [2 * np.sqrt(m) * 2 for m in form.GetPrincipalMoments(1)]
        return {
            "shape_voxel_volume": form.GetPhysicalSize(1),
            "shape_surface_area": form.GetPerimeter(1),
            "shape_sphericity": form.GetRoundness(1),
            "shape_least_axis_length": moments[0],
            "shape_minor_axis_length": moments[1],
            "shape_major_axis_length": moments[2],
            "intensity_mean": intensity.GetMean(1),
            "intensity_variance": intensity.GetVariance(1),
            "intensity_skewness": intensity.GetSkewness(1),
            "intensity_excess_kurtosis": intensity.GetKurtosis(1),
            "intensity_median": intensity.GetMedian(1),
            "intensity_minimum": intensity.GetMinimum(1),
            "intensity_maximum": intensity.GetMaximum(1),
        }

    return compute


_NYXUS: Mapping[str, tuple[str, str]] = {
    "glcm": (
        "3GLCM_{}_AVE",
        "JMAX JAVE JVAR JE DIFAVE DIFVAR DIFENTRO SUMAVERAGE SUMVARIANCE SUMENTROPY ASM CONTRAST DIS ID IDN IDM IDMN "
        "IV CORRELATION ACOR CLUTEND CLUSHADE CLUPROM INFOMEAS1 INFOMEAS2",
    ),
    "glrlm": ("3GLRLM_{}_AVE", "SRE LRE LGLRE HGLRE SRLGLE SRHGLE LRLGLE LRHGLE GLN GLNN RLN RLNN RP GLV RV RE"),
    "glszm": ("3GLSZM_{}", "SAE LAE LGLZE HGLZE SALGLE SAHGLE LALGLE LAHGLE GLN GLNN SZN SZNN ZP GLV ZV ZE"),
    "gldzm": (
        "3GLDZM_{}",
        "SDE LDE LGLZE HGLZE SDLGLE SDHGLE LDLGLE LDHGLE GLNU GLNUN ZDNU ZDNUN ZP GLV ZDV ZDE",
    ),
    "ngtdm": ("3NGTDM_{}", "COARSENESS CONTRAST BUSYNESS COMPLEXITY STRENGTH"),
    "ngldm": (
        "3NGLDM_{}",
        "LDE HDE LGLCE HGLCE LDLGLE LDHGLE HDLGLE HDHGLE GLNU GLNUN DCNU DCNUN GLV DCV DCENT DCENE",
    ),
    "shape": (
        "3{}",
        "MESH_VOLUME VOXEL_VOLUME AREA AREA_2_VOLUME COMPACTNESS1 COMPACTNESS2 SPHERICAL_DISPROPORTION SPHERICITY "
        "- - MAJOR_AXIS_LEN MINOR_AXIS_LEN LEAST_AXIS_LEN ELONGATION FLATNESS",
    ),
    "intensity": (
        "3{}",
        "MEAN VARIANCE_BIASED SKEWNESS EXCESS_KURTOSIS MEDIAN MIN P10 P90 MAX INTERQUARTILE_RANGE RANGE "
        "MEAN_ABSOLUTE_DEVIATION ROBUST_MEAN_ABSOLUTE_DEVIATION MEDIAN_ABSOLUTE_DEVIATION COV QCOD ENERGY "
        "ROOT_MEAN_SQUARED",
    ),
}
_NYXUS_OURS: Mapping[str, Names] = {
    "glcm": names.CO_OCCURRENCE,
    "glrlm": names.RUNS,
    "glszm": names.SIZE_ZONES,
    "gldzm": names.DISTANCE_ZONES,
    "ngtdm": names.TONE_DIFFERENCES,
    "ngldm": names.DEPENDENCES,
    "shape": {**names.SHAPE, **AXES},
    "intensity": names.INTENSITY,
}


def nyxus() -> Compute:
    """Three dimensions come from files only, in voxels: volumes and lengths are scaled by the spacing."""
    import tempfile
    from pathlib import Path

    import nibabel as nib
    from nyxus import Nyxus3D

    library = Nyxus3D(["*3D_ALL*"], neighbor_distance=1, coarse_gray_depth=64, n_feature_calc_threads=1, ibsi=True)

    def compute(levels: Array, mask: Array) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / "image.nii.gz", Path(folder) / "mask.nii.gz"]
            for path, array in zip(paths, (levels, mask), strict=True):
                nib.save(nib.Nifti1Image(array.astype(np.int32), np.eye(4)), path)
            row = library.featurize_files([str(paths[0])], [str(paths[1])], False).iloc[0]
        found = {}
        for family, (pattern, theirs) in _NYXUS.items():
            for stem, name in zip(_NYXUS_OURS[family].values(), theirs.split(), strict=True):
                if pattern.format(name) in row:
                    power = {"mesh_volume": 3, "voxel_volume": 3, "surface_area": 2, "surface_to_volume_ratio": -1}
                    scale = SPACING_MM ** (power.get(stem, 1 if stem.endswith("length") else 0))
                    found[f"{family}_{stem}"] = float(row[pattern.format(name)]) * scale
        return found

    return compute


LIBRARIES: Mapping[str, Callable[[], Compute]] = {
    "ours": ours,
    "flash-radiomics": flash_radiomics,
    "nyxus": nyxus,
    "numpyradiomics": numpyradiomics,
    "fastrad": fastrad,
    "SimpleITK": simple_itk,
}


def _named(run: Callable[[str], Mapping[str, float]]) -> dict[str, float]:
    """Every family that runs, under our names; a family that fails has none."""
    found: dict[str, float] = {}
    for family, (prefix, taken) in OF_PYRADIOMICS.items():
        try:
            theirs = run(family)
        except Exception as e:
            sys.stderr.write(f"{family}: {type(e).__name__}: {e}\n")
            continue
        found |= {f"{prefix}_{ours}": float(theirs[name]) for name, ours in taken.items() if name in theirs}
    return found


def lesion() -> tuple[Array, Array]:
    """Gray levels 1 to 64, smooth, in a ball of 62 voxels across."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(np.random.default_rng(7).normal(size=(64, 64, 64)), 1.5)
    levels = np.clip(np.rint(32 + smooth * 60), 1, 64)
    away = (np.indices((64, 64, 64)) - 31.5) ** 2
    return levels, away.sum(axis=0) < 31**2


def main(name: str, phantom: str) -> None:
    """Run one library on the phantom (a file of NumPy arrays) and on the lesion, and tell."""
    compute = LIBRARIES[name]()
    with np.load(phantom) as arrays:
        values = compute(arrays["image"], arrays["mask"])
    levels, mask = lesion()
    began = time.process_time()
    compute(levels, mask)
    seconds = time.process_time() - began
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"values": values, "seconds": seconds, "mib": mib}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
