"""Lesions: what a reader drew, as quantities that an oncologist trusts."""
