"""Runs the services on this machine: starts, watches, restarts and ends their processes."""
