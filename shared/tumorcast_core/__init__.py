"""The words that every Tumorcast service shares. No torch, no Ray."""
