"""Our names for what flash-radiomics calls after PyRadiomics, by class; what is not here is not taken.

Left out are what IBSI does not know (MCC, standard deviation, total energy, diameters in a plane), what it gives twice
(entropy and uniformity of the histogram), a constant (dependence count percentage), and what misses the digital
phantom (axis lengths and all that follows from them).
"""

from __future__ import annotations

from collections.abc import Mapping

Names = Mapping[str, str]

SHAPE: Names = {
    "MeshVolume": "mesh_volume",
    "VoxelVolume": "voxel_volume",
    "SurfaceArea": "surface_area",
    "SurfaceVolumeRatio": "surface_to_volume_ratio",
    "Compactness1": "compactness_1",
    "Compactness2": "compactness_2",
    "SphericalDisproportion": "spherical_disproportion",
    "Sphericity": "sphericity",
    "Asphericity": "asphericity",
    "Maximum3DDiameter": "maximum_3d_diameter",
}
_STATISTICS = {
    "Mean": "mean",
    "Variance": "variance",
    "Skewness": "skewness",
    "Kurtosis": "excess_kurtosis",
    "Median": "median",
    "Minimum": "minimum",
    "10Percentile": "percentile_10",
    "90Percentile": "percentile_90",
    "Maximum": "maximum",
    "InterquartileRange": "interquartile_range",
    "Range": "range",
    "MeanAbsoluteDeviation": "mean_absolute_deviation",
    "RobustMeanAbsoluteDeviation": "robust_mean_absolute_deviation",
    "MedianAbsoluteDeviation": "median_absolute_deviation",
    "CoefficientOfVariation": "coefficient_of_variation",
    "QuartileCoefficientOfDispersion": "quartile_coefficient_of_dispersion",
}
INTENSITY: Names = _STATISTICS | {"Energy": "energy", "RootMeanSquared": "root_mean_square"}
HISTOGRAM: Names = _STATISTICS | {
    "Mode": "mode",
    "Entropy": "entropy",
    "Uniformity": "uniformity",
    "MaximumHistogramGradient": "maximum_gradient",
    "MaximumHistogramGradientIntensity": "maximum_gradient_level",
    "MinimumHistogramGradient": "minimum_gradient",
    "MinimumHistogramGradientIntensity": "minimum_gradient_level",
}
VOLUME_HISTOGRAM: Names = {
    "VolumeFractionAt10Intensity": "volume_at_intensity_10",
    "VolumeFractionAt90Intensity": "volume_at_intensity_90",
    "IntensityAt10Volume": "intensity_at_volume_10",
    "IntensityAt90Volume": "intensity_at_volume_90",
    "VolumeFractionDifferenceBetween10And90Intensity": "volume_difference",
    "IntensityDifferenceBetween10And90Volume": "intensity_difference",
}
CO_OCCURRENCE: Names = {
    "MaximumProbability": "joint_maximum",
    "JointAverage": "joint_average",
    "SumSquares": "joint_variance",
    "JointEntropy": "joint_entropy",
    "DifferenceAverage": "difference_average",
    "DifferenceVariance": "difference_variance",
    "DifferenceEntropy": "difference_entropy",
    "SumAverage": "sum_average",
    "SumVariance": "sum_variance",
    "SumEntropy": "sum_entropy",
    "JointEnergy": "angular_second_moment",
    "Contrast": "contrast",
    "Dissimilarity": "dissimilarity",
    "Id": "inverse_difference",
    "Idn": "normalized_inverse_difference",
    "Idm": "inverse_difference_moment",
    "Idmn": "normalized_inverse_difference_moment",
    "InverseVariance": "inverse_variance",
    "Correlation": "correlation",
    "Autocorrelation": "autocorrelation",
    "ClusterTendency": "cluster_tendency",
    "ClusterShade": "cluster_shade",
    "ClusterProminence": "cluster_prominence",
    "Imc1": "information_correlation_1",
    "Imc2": "information_correlation_2",
}
RUNS: Names = {
    "ShortRunEmphasis": "short_run_emphasis",
    "LongRunEmphasis": "long_run_emphasis",
    "LowGrayLevelRunEmphasis": "low_gray_level_emphasis",
    "HighGrayLevelRunEmphasis": "high_gray_level_emphasis",
    "ShortRunLowGrayLevelEmphasis": "short_run_low_gray_level_emphasis",
    "ShortRunHighGrayLevelEmphasis": "short_run_high_gray_level_emphasis",
    "LongRunLowGrayLevelEmphasis": "long_run_low_gray_level_emphasis",
    "LongRunHighGrayLevelEmphasis": "long_run_high_gray_level_emphasis",
    "GrayLevelNonUniformity": "gray_level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "normalized_gray_level_non_uniformity",
    "RunLengthNonUniformity": "run_length_non_uniformity",
    "RunLengthNonUniformityNormalized": "normalized_run_length_non_uniformity",
    "RunPercentage": "run_percentage",
    "GrayLevelVariance": "gray_level_variance",
    "RunVariance": "run_length_variance",
    "RunEntropy": "run_entropy",
}
SIZE_ZONES: Names = {
    "SmallAreaEmphasis": "small_zone_emphasis",
    "LargeAreaEmphasis": "large_zone_emphasis",
    "LowGrayLevelZoneEmphasis": "low_gray_level_emphasis",
    "HighGrayLevelZoneEmphasis": "high_gray_level_emphasis",
    "SmallAreaLowGrayLevelEmphasis": "small_zone_low_gray_level_emphasis",
    "SmallAreaHighGrayLevelEmphasis": "small_zone_high_gray_level_emphasis",
    "LargeAreaLowGrayLevelEmphasis": "large_zone_low_gray_level_emphasis",
    "LargeAreaHighGrayLevelEmphasis": "large_zone_high_gray_level_emphasis",
    "GrayLevelNonUniformity": "gray_level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "normalized_gray_level_non_uniformity",
    "SizeZoneNonUniformity": "zone_size_non_uniformity",
    "SizeZoneNonUniformityNormalized": "normalized_zone_size_non_uniformity",
    "ZonePercentage": "zone_percentage",
    "GrayLevelVariance": "gray_level_variance",
    "ZoneVariance": "zone_size_variance",
    "ZoneEntropy": "zone_size_entropy",
}
DISTANCE_ZONES: Names = {
    "SmallDistanceEmphasis": "small_distance_emphasis",
    "LargeDistanceEmphasis": "large_distance_emphasis",
    "LowGrayLevelZoneEmphasis": "low_gray_level_emphasis",
    "HighGrayLevelZoneEmphasis": "high_gray_level_emphasis",
    "SmallDistanceLowGrayLevelEmphasis": "small_distance_low_gray_level_emphasis",
    "SmallDistanceHighGrayLevelEmphasis": "small_distance_high_gray_level_emphasis",
    "LargeDistanceLowGrayLevelEmphasis": "large_distance_low_gray_level_emphasis",
    "LargeDistanceHighGrayLevelEmphasis": "large_distance_high_gray_level_emphasis",
    "GrayLevelNonUniformity": "gray_level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "normalized_gray_level_non_uniformity",
    "ZoneDistanceNonUniformity": "zone_distance_non_uniformity",
    "ZoneDistanceNonUniformityNormalized": "normalized_zone_distance_non_uniformity",
    "ZonePercentage": "zone_percentage",
    "GrayLevelVariance": "gray_level_variance",
    "ZoneDistanceVariance": "zone_distance_variance",
    "ZoneDistanceEntropy": "zone_distance_entropy",
}
TONE_DIFFERENCES: Names = {
    name: name.lower() for name in ("Coarseness", "Contrast", "Busyness", "Complexity", "Strength")
}
DEPENDENCES: Names = {
    "SmallDependenceEmphasis": "low_dependence_emphasis",
    "LargeDependenceEmphasis": "high_dependence_emphasis",
    "LowGrayLevelEmphasis": "low_gray_level_emphasis",
    "HighGrayLevelEmphasis": "high_gray_level_emphasis",
    "SmallDependenceLowGrayLevelEmphasis": "low_dependence_low_gray_level_emphasis",
    "SmallDependenceHighGrayLevelEmphasis": "low_dependence_high_gray_level_emphasis",
    "LargeDependenceLowGrayLevelEmphasis": "high_dependence_low_gray_level_emphasis",
    "LargeDependenceHighGrayLevelEmphasis": "high_dependence_high_gray_level_emphasis",
    "GrayLevelNonUniformity": "gray_level_non_uniformity",
    "GrayLevelNonUniformityNormalized": "normalized_gray_level_non_uniformity",
    "DependenceNonUniformity": "dependence_non_uniformity",
    "DependenceNonUniformityNormalized": "normalized_dependence_non_uniformity",
    "GrayLevelVariance": "gray_level_variance",
    "DependenceVariance": "dependence_variance",
    "DependenceEntropy": "dependence_entropy",
    "DependenceCountEnergy": "dependence_energy",
}
