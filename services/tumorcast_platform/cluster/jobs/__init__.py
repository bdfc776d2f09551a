"""``tumorcast platform submit`` and ``jobs``: training, evaluation and batches as work of the cluster."""
