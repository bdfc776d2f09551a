"""Candidates on PET, evaluated: simulated whole bodies, and real but cropped sarcomas."""
