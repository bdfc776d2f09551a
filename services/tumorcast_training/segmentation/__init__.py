"""The click segmenter, trained and evaluated: held-out patients first, then weights from all of them."""
