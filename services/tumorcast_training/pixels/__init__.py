"""Models of pixels: patients as crops and measures, encoders refitted inside every fold, and what they add."""
