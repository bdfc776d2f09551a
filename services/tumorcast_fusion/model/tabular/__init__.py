"""Predictors of tables: linear, boosted and gated, blended, for any subset of the groups."""

from tumorcast_fusion.model.tabular.blend import Blend, LinkCalibration, Part
from tumorcast_fusion.model.tabular.boosted import BoostedPredictor, by_interval
from tumorcast_fusion.model.tabular.design import Design, pattern_index, raw_column
from tumorcast_fusion.model.tabular.gated import GatedNetwork, GatedPredictor, layout, rows_of
from tumorcast_fusion.model.tabular.imputation import Gaussian
from tumorcast_fusion.model.tabular.linear import LinearPredictor

__all__ = [
    "Blend",
    "BoostedPredictor",
    "Design",
    "GatedNetwork",
    "GatedPredictor",
    "Gaussian",
    "LinearPredictor",
    "LinkCalibration",
    "Part",
    "by_interval",
    "layout",
    "pattern_index",
    "raw_column",
    "rows_of",
]
