"""Whole answers about studies, kept."""

from tumorcast_imaging.adapters.answers.answer_cache import AnswerCache, Looked, Ticket
from tumorcast_imaging.adapters.answers.made_by import made_by

__all__ = ["AnswerCache", "Looked", "Ticket", "made_by"]
