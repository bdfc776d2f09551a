"""The documents of the REST API, field by field: what callers send (``bodies``) and get (``answers``)."""
