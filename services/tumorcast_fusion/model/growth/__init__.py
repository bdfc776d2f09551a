"""Forecast of the sum of diameters: growth and kill, a population prior, bands and RECIST probabilities.

``forecast`` is the whole façade: scans of one patient in, ``Forecast`` out, the same to the bit for the same input.
"""

from tumorcast_fusion.model.growth.forecast import Forecast, Rate, forecast
from tumorcast_fusion.model.growth.kinetics import Form
from tumorcast_fusion.model.growth.prior import PopulationPrior

__all__ = ["Forecast", "Form", "PopulationPrior", "Rate", "forecast"]
