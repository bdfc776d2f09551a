"""The growth forecast's population prior: reading real RECIST kinetics, fitting, evaluating on held-out patients."""

from tumorcast_training.growth.evaluation import evaluate
from tumorcast_training.growth.fitting import fit_prior
from tumorcast_training.growth.reader import Course, read_courses
from tumorcast_training.growth.train import train

__all__ = ["Course", "evaluate", "fit_prior", "read_courses", "train"]
