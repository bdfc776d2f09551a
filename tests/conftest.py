"""Settings that hold for every test."""

from hypothesis import settings

settings.register_profile("tumorcast", deadline=None)  # a shared machine stalls; pytest-timeout bounds the whole test
settings.load_profile("tumorcast")
