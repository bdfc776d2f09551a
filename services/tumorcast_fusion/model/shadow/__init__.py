"""What the answers of two versions of a model have in common: aggregates only, nothing of a single patient is kept."""

from tumorcast_fusion.model.shadow.aggregates import BINS, Comparison, ShadowReport, merged
from tumorcast_fusion.model.shadow.answers import Pair, paired

__all__ = ["BINS", "Comparison", "Pair", "ShadowReport", "merged", "paired"]
