"""Plots of how good a model is: calibration, decision curve, risk groups, subgroups; SVG, the same bytes each time.

They show groups of patients only: a bin, a step or a group of fewer than five patients is merged, masked or left out.
"""

from tumorcast_training.plots.figure import Heading, evaluation_figure, write_plots
from tumorcast_training.plots.predictions import BinaryPredictions, Predictions, TimedPredictions
from tumorcast_training.plots.subgroups import SubgroupEstimate, subgroup_estimates

__all__ = [
    "BinaryPredictions",
    "Heading",
    "Predictions",
    "SubgroupEstimate",
    "TimedPredictions",
    "evaluation_figure",
    "subgroup_estimates",
    "write_plots",
]
