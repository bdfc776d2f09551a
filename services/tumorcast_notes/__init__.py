"""Reads clinical documents: free text in, catalogued findings out."""
