"""How good predictions are: discrimination, calibration, utility, coverage, with intervals by patient.

``score_binary``, ``score_survival`` and ``by_subgroup`` give plain dictionaries. The figures themselves take bootstrap
weights (b, n), so that two models can be compared on the same samples (``ClusterBootstrap.difference``).
"""

from tumorcast_training.metrics.binary import score_binary
from tumorcast_training.metrics.comparison import PairedTest, corrected_resampled_t, holm
from tumorcast_training.metrics.coverage import bound_coverage, clopper_pearson, in_set
from tumorcast_training.metrics.curves import RiskCurves
from tumorcast_training.metrics.discrimination import auc, auc_at, harrell_c, uno_c
from tumorcast_training.metrics.nonparametric import (
    Censoring,
    Status,
    StepFunction,
    aalen_johansen,
    kaplan_meier,
    pseudo_values,
    risk_by,
)
from tumorcast_training.metrics.probability import (
    NullCalibrationError,
    brier,
    calibration_intercept,
    calibration_slope,
    equal_mass_bins,
    expected_calibration_error,
    logistic_recalibration,
    null_calibration_error,
    scaled_brier,
)
from tumorcast_training.metrics.reporting import Scores, by_subgroup
from tumorcast_training.metrics.resampling import ClusterBootstrap, Interval
from tumorcast_training.metrics.survival import score_survival
from tumorcast_training.metrics.survival_calibration import (
    DCalibration,
    HorizonCalibration,
    brier_at,
    d_calibration,
    d_calibration_of_incidence,
    integrated_brier,
    observed_to_expected,
    scaled_brier_at,
)
from tumorcast_training.metrics.survival_data import TimeToEvent
from tumorcast_training.metrics.utility import THRESHOLDS, net_benefit, net_benefit_at

__all__ = [
    "THRESHOLDS",
    "Censoring",
    "ClusterBootstrap",
    "DCalibration",
    "HorizonCalibration",
    "Interval",
    "NullCalibrationError",
    "PairedTest",
    "RiskCurves",
    "Scores",
    "Status",
    "StepFunction",
    "TimeToEvent",
    "aalen_johansen",
    "auc",
    "auc_at",
    "bound_coverage",
    "brier",
    "brier_at",
    "by_subgroup",
    "calibration_intercept",
    "calibration_slope",
    "clopper_pearson",
    "corrected_resampled_t",
    "d_calibration",
    "d_calibration_of_incidence",
    "equal_mass_bins",
    "expected_calibration_error",
    "harrell_c",
    "holm",
    "in_set",
    "integrated_brier",
    "kaplan_meier",
    "logistic_recalibration",
    "net_benefit",
    "net_benefit_at",
    "null_calibration_error",
    "observed_to_expected",
    "pseudo_values",
    "risk_by",
    "scaled_brier",
    "scaled_brier_at",
    "score_binary",
    "score_survival",
    "uno_c",
]
