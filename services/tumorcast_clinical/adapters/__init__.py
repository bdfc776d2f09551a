"""Where records come from, other than with the request."""
