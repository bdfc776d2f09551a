"""Where models come from beside the package: a store of versions, and what this replica follows of it."""
