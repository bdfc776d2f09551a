"""Every radiomics feature has the value of the IBSI digital phantom, within the manual's tolerance.

Phantom and values: image biomarker standardisation initiative, reference manual arXiv:1612.07003v11, chapters 3 and 5.1
(Zwanenburg, Leger, Vallieres, Lock; CC BY 4.0). The phantom's 5 x 4 x 4 voxels of 2 mm are published numbers and stand
here. A tolerance of 0 asks for the published digits. GLCM and GLRLM are the values by direction, averaged (ITBB).
"""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tumorcast_core import catalog
from tumorcast_imaging.model.lesions.radiomics.preparation import Prepared
from tumorcast_imaging.model.lesions.radiomics.workflow import measured

DATA = Path(__file__).parents[3] / "shared" / "data" / "ibsi_digital_phantom"
# fmt: off
PHANTOM = np.array([  # x, y, z
    [[1, 1, 1, 1], [1, 1, 1, 1], [4, 1, 1, 1], [4, 4, 1, 1]],
    [[4, 4, 4, 4], [4, 1, 1, 1], [1, 1, 1, 1], [4, 4, 1, 1]],
    [[4, 4, 4, 4], [6, 6, 1, 1], [6, 3, 9, 1], [6, 6, 6, 6]],
    [[1, 1, 1, 1], [1, 1, 1, 1], [4, 1, 1, 1], [4, 1, 1, 1]],
    [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
])
MASK = np.array([
    [[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]],
    [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
    [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]],
], dtype=bool)
VALUES: dict[str, tuple[str, float, float]] = {  # name: IBSI code, value, tolerance
    "shape_mesh_volume": ("RNU0", 556, 4),
    "shape_voxel_volume": ("YEKZ", 592, 4),
    "shape_surface_area": ("C0JK", 388, 3),
    "shape_surface_to_volume_ratio": ("2PR5", 0.698, 0.004),
    "shape_compactness_1": ("SKGS", 0.0411, 0.0003),
    "shape_compactness_2": ("BQWJ", 0.599, 0.004),
    "shape_spherical_disproportion": ("KRCK", 1.19, 0.01),
    "shape_sphericity": ("QCFX", 0.843, 0.005),
    "shape_asphericity": ("25C7", 0.186, 0.001),
    "shape_center_of_mass_shift": ("KLMA", 0.672, 0.004),
    "shape_maximum_3d_diameter": ("L0JK", 13.1, 0.1),
    "shape_major_axis_length": ("TDIC", 11.4, 0.1),
    "shape_minor_axis_length": ("P9VJ", 9.31, 0.06),
    "shape_least_axis_length": ("7J51", 8.54, 0.05),
    "shape_elongation": ("Q3CK", 0.816, 0.005),
    "shape_flatness": ("N17B", 0.749, 0.005),
    "shape_volume_density_axis_aligned_box": ("PBX1", 0.869, 0.005),
    "shape_area_density_axis_aligned_box": ("R59B", 0.866, 0.005),
    "shape_volume_density_ellipsoid": ("6BDE", 1.17, 0.01),
    "shape_area_density_ellipsoid": ("RDD2", 1.36, 0.01),
    "shape_volume_density_convex_hull": ("R3ER", 0.961, 0.006),
    "shape_area_density_convex_hull": ("7T7F", 1.03, 0.01),
    "intensity_mean": ("Q4LE", 2.15, 0),
    "intensity_variance": ("ECT3", 3.05, 0),
    "intensity_skewness": ("KE2A", 1.08, 0),
    "intensity_excess_kurtosis": ("IPH6", -0.355, 0),
    "intensity_median": ("Y12H", 1, 0),
    "intensity_minimum": ("1GSF", 1, 0),
    "intensity_percentile_10": ("QG58", 1, 0),
    "intensity_percentile_90": ("8DWT", 4, 0),
    "intensity_maximum": ("84IY", 6, 0),
    "intensity_interquartile_range": ("SALO", 3, 0),
    "intensity_range": ("2OJQ", 5, 0),
    "intensity_mean_absolute_deviation": ("4FUA", 1.55, 0),
    "intensity_robust_mean_absolute_deviation": ("1128", 1.11, 0),
    "intensity_median_absolute_deviation": ("N72L", 1.15, 0),
    "intensity_coefficient_of_variation": ("7TET", 0.812, 0),
    "intensity_quartile_coefficient_of_dispersion": ("9S40", 0.6, 0),
    "intensity_energy": ("N8CA", 567, 0),
    "intensity_root_mean_square": ("5ZWQ", 2.77, 0),
    "intensity_local_peak": ("VJGA", 2.6, 0),
    "intensity_global_peak": ("0F91", 3.1, 0),
    "histogram_mean": ("X6K6", 2.15, 0),
    "histogram_variance": ("CH89", 3.05, 0),
    "histogram_skewness": ("88K1", 1.08, 0),
    "histogram_excess_kurtosis": ("C3I7", -0.355, 0),
    "histogram_median": ("WIFQ", 1, 0),
    "histogram_minimum": ("1PR8", 1, 0),
    "histogram_percentile_10": ("GPMT", 1, 0),
    "histogram_percentile_90": ("OZ0C", 4, 0),
    "histogram_maximum": ("3NCY", 6, 0),
    "histogram_mode": ("AMMC", 1, 0),
    "histogram_interquartile_range": ("WR0O", 3, 0),
    "histogram_range": ("5Z3W", 5, 0),
    "histogram_mean_absolute_deviation": ("D2ZX", 1.55, 0),
    "histogram_robust_mean_absolute_deviation": ("WRZB", 1.11, 0),
    "histogram_median_absolute_deviation": ("4RNL", 1.15, 0),
    "histogram_coefficient_of_variation": ("CWYJ", 0.812, 0),
    "histogram_quartile_coefficient_of_dispersion": ("SLWD", 0.6, 0),
    "histogram_entropy": ("TLU2", 1.27, 0),
    "histogram_uniformity": ("BJ5W", 0.512, 0),
    "histogram_maximum_gradient": ("12CE", 8, 0),
    "histogram_maximum_gradient_level": ("8E6O", 3, 0),
    "histogram_minimum_gradient": ("VQB3", -50, 0),
    "histogram_minimum_gradient_level": ("RHQZ", 1, 0),
    "ivh_volume_at_intensity_10": ("BC2M", 0.324, 0),
    "ivh_volume_at_intensity_90": ("BC2M", 0.0946, 0),
    "ivh_intensity_at_volume_10": ("GBPN", 5, 0),
    "ivh_intensity_at_volume_90": ("GBPN", 2, 0),
    "ivh_volume_difference": ("DDTU", 0.23, 0),
    "ivh_intensity_difference": ("CNV2", 3, 0),
    "glcm_joint_maximum": ("GYBY", 0.503, 0),
    "glcm_joint_average": ("60VM", 2.14, 0),
    "glcm_joint_variance": ("UR99", 3.1, 0),
    "glcm_joint_entropy": ("TU9B", 2.4, 0),
    "glcm_difference_average": ("TF7R", 1.43, 0),
    "glcm_difference_variance": ("D3YU", 3.06, 0),
    "glcm_difference_entropy": ("NTRS", 1.56, 0),
    "glcm_sum_average": ("ZGXS", 4.29, 0),
    "glcm_sum_variance": ("OEEB", 7.07, 0),
    "glcm_sum_entropy": ("P6QZ", 1.92, 0),
    "glcm_angular_second_moment": ("8ZQL", 0.303, 0),
    "glcm_contrast": ("ACUI", 5.32, 0),
    "glcm_dissimilarity": ("8S9J", 1.43, 0),
    "glcm_inverse_difference": ("IB1Z", 0.677, 0),
    "glcm_normalized_inverse_difference": ("NDRX", 0.851, 0),
    "glcm_inverse_difference_moment": ("WF0Z", 0.618, 0),
    "glcm_normalized_inverse_difference_moment": ("1QCO", 0.898, 0),
    "glcm_inverse_variance": ("E8JP", 0.0604, 0),
    "glcm_correlation": ("NI2N", 0.157, 0),
    "glcm_autocorrelation": ("QWB0", 5.06, 0),
    "glcm_cluster_tendency": ("DG8W", 7.07, 0),
    "glcm_cluster_shade": ("7NFM", 16.6, 0),
    "glcm_cluster_prominence": ("AE86", 145, 0),
    "glcm_information_correlation_1": ("R8DG", -0.157, 0),
    "glcm_information_correlation_2": ("JN9H", 0.52, 0),
    "glrlm_short_run_emphasis": ("22OV", 0.705, 0),
    "glrlm_long_run_emphasis": ("W4KF", 3.06, 0),
    "glrlm_low_gray_level_emphasis": ("V3SW", 0.603, 0),
    "glrlm_high_gray_level_emphasis": ("G3QZ", 9.7, 0),
    "glrlm_short_run_low_gray_level_emphasis": ("HTZT", 0.352, 0),
    "glrlm_short_run_high_gray_level_emphasis": ("GD3A", 8.54, 0),
    "glrlm_long_run_low_gray_level_emphasis": ("IVPO", 2.39, 0),
    "glrlm_long_run_high_gray_level_emphasis": ("3KUM", 17.6, 0),
    "glrlm_gray_level_non_uniformity": ("R5YN", 21.8, 0),
    "glrlm_normalized_gray_level_non_uniformity": ("OVBL", 0.43, 0),
    "glrlm_run_length_non_uniformity": ("W92Y", 26.9, 0),
    "glrlm_normalized_run_length_non_uniformity": ("IC23", 0.513, 0),
    "glrlm_run_percentage": ("9ZK5", 0.68, 0),
    "glrlm_gray_level_variance": ("8CE5", 3.46, 0),
    "glrlm_run_length_variance": ("SXLW", 0.574, 0),
    "glrlm_run_entropy": ("HJ9O", 2.43, 0),
    "glszm_small_zone_emphasis": ("P001", 0.255, 0),
    "glszm_large_zone_emphasis": ("48P8", 550, 0),
    "glszm_low_gray_level_emphasis": ("XMSY", 0.253, 0),
    "glszm_high_gray_level_emphasis": ("5GN9", 15.6, 0),
    "glszm_small_zone_low_gray_level_emphasis": ("5RAI", 0.0256, 0),
    "glszm_small_zone_high_gray_level_emphasis": ("HW1V", 2.76, 0),
    "glszm_large_zone_low_gray_level_emphasis": ("YH51", 503, 0),
    "glszm_large_zone_high_gray_level_emphasis": ("J17V", 1490, 0),
    "glszm_gray_level_non_uniformity": ("JNSA", 1.4, 0),
    "glszm_normalized_gray_level_non_uniformity": ("Y1RO", 0.28, 0),
    "glszm_zone_size_non_uniformity": ("4JP3", 1, 0),
    "glszm_normalized_zone_size_non_uniformity": ("VB3A", 0.2, 0),
    "glszm_zone_percentage": ("P30P", 0.0676, 0),
    "glszm_gray_level_variance": ("BYLV", 2.64, 0),
    "glszm_zone_size_variance": ("3NSA", 331, 0),
    "glszm_zone_size_entropy": ("GU8N", 2.32, 0),
    "gldzm_small_distance_emphasis": ("0GBI", 1, 0),
    "gldzm_large_distance_emphasis": ("MB4I", 1, 0),
    "gldzm_low_gray_level_emphasis": ("S1RA", 0.253, 0),
    "gldzm_high_gray_level_emphasis": ("K26C", 15.6, 0),
    "gldzm_small_distance_low_gray_level_emphasis": ("RUVG", 0.253, 0),
    "gldzm_small_distance_high_gray_level_emphasis": ("DKNJ", 15.6, 0),
    "gldzm_large_distance_low_gray_level_emphasis": ("A7WM", 0.253, 0),
    "gldzm_large_distance_high_gray_level_emphasis": ("KLTH", 15.6, 0),
    "gldzm_gray_level_non_uniformity": ("VFT7", 1.4, 0),
    "gldzm_normalized_gray_level_non_uniformity": ("7HP3", 0.28, 0),
    "gldzm_zone_distance_non_uniformity": ("V294", 5, 0),
    "gldzm_normalized_zone_distance_non_uniformity": ("IATH", 1, 0),
    "gldzm_zone_percentage": ("VIWW", 0.0676, 0),
    "gldzm_gray_level_variance": ("QK93", 2.64, 0),
    "gldzm_zone_distance_variance": ("7WT1", 0, 0),
    "gldzm_zone_distance_entropy": ("GBDU", 1.92, 0),
    "ngtdm_coarseness": ("QCDE", 0.0296, 0),
    "ngtdm_contrast": ("65HE", 0.584, 0),
    "ngtdm_busyness": ("NQ30", 6.54, 0),
    "ngtdm_complexity": ("HDEZ", 13.5, 0),
    "ngtdm_strength": ("1X9X", 0.763, 0),
    "ngldm_low_dependence_emphasis": ("SODN", 0.045, 0),
    "ngldm_high_dependence_emphasis": ("IMOQ", 109, 0),
    "ngldm_low_gray_level_emphasis": ("TL9H", 0.693, 0),
    "ngldm_high_gray_level_emphasis": ("OAE7", 7.66, 0),
    "ngldm_low_dependence_low_gray_level_emphasis": ("EQ3F", 0.00963, 0),
    "ngldm_low_dependence_high_gray_level_emphasis": ("JA6D", 0.736, 0),
    "ngldm_high_dependence_low_gray_level_emphasis": ("NBZI", 102, 0),
    "ngldm_high_dependence_high_gray_level_emphasis": ("9QMG", 235, 0),
    "ngldm_gray_level_non_uniformity": ("FP8K", 37.9, 0),
    "ngldm_normalized_gray_level_non_uniformity": ("5SPA", 0.512, 0),
    "ngldm_dependence_non_uniformity": ("Z87G", 4.86, 0),
    "ngldm_normalized_dependence_non_uniformity": ("OKJI", 0.0657, 0),
    "ngldm_gray_level_variance": ("1PFV", 3.05, 0),
    "ngldm_dependence_variance": ("DNX2", 22.1, 0),
    "ngldm_dependence_entropy": ("FCBV", 4.4, 0),
    "ngldm_dependence_energy": ("CAS9", 0.0533, 0),
}
# fmt: on
SPACING_MM = 2.0


def phantom(image: np.ndarray = PHANTOM, mask: np.ndarray = MASK) -> Prepared:
    """The phantom as it is: its intensities are its gray levels."""
    levels = np.where(mask, image, 0).astype(np.int32)
    return Prepared(image.astype(float), mask, mask, np.ones_like(mask), levels, SPACING_MM, "arbitrary")


MEASURED = measured(phantom())


def test_every_feature_has_a_reference_value() -> None:
    assert MEASURED.keys() == VALUES.keys()


def agrees(name: str, found: float) -> bool:
    """Whether a value is the published one, within the tolerance or to its digits."""
    _, value, tolerance = VALUES[name]
    return abs(found - value) <= tolerance if tolerance else float(f"{found:.3g}") == value


@pytest.mark.parametrize("name", VALUES)
def test_the_digital_phantom_has_its_published_value(name: str) -> None:
    assert agrees(name, MEASURED[name])


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2)])
def test_the_published_values_do_not_depend_on_the_order_or_direction_of_the_axes(
    axes: tuple[int, int, int], flips: tuple[int, ...]
) -> None:
    turned = measured(phantom(np.flip(PHANTOM.transpose(axes), flips), np.flip(MASK.transpose(axes), flips)))
    assert turned.keys() == MEASURED.keys()
    for name, value in MEASURED.items():
        assert turned[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize("name", VALUES)
def test_the_catalog_has_every_feature_of_each_kind_of_image_with_its_code(name: str) -> None:
    known = [found for word in ("pet", "ct", "mr") if (found := catalog.catalog().get(f"{word}_{name}"))]
    assert len(known) >= 2
    for entry in known:
        assert f"IBSI {VALUES[name][0]})" in entry.description
        assert entry.codings[0].code == entry.name
        assert not entry.observed


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")
@pytest.mark.parametrize(("file", "here"), [("phantom", PHANTOM), ("mask", MASK)])
def test_the_phantom_here_is_the_published_file(file: str, here: np.ndarray) -> None:
    assert np.array_equal(np.asarray(nib.load(DATA / f"{file}.nii.gz").dataobj), here)
