"""Domain ↔ protobuf of the gateway's own messages; those of several services stand in ``tumorcast_core.wire``."""
