"""A typed Python client of the REST API."""
