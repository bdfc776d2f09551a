"""``tumorcast platform scale``: the right object for each service, without a fight with whoever owns the number."""
