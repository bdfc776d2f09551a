"""The database of the gateway: SQLite or PostgreSQL, sealed by patient, audited in a chain.

``SqlStores`` is what the domain needs; the rest is for the operator (``tumorcast store``).
"""

from tumorcast_gateway.stores.audit import ChainedEntry, Head
from tumorcast_gateway.stores.audit_log import Verdict, entries, head, verify
from tumorcast_gateway.stores.keys import Secrets
from tumorcast_gateway.stores.place import StorePlace, place_of
from tumorcast_gateway.stores.retention import keep_to_retention
from tumorcast_gateway.stores.schema import Migration, current_revision, migrate, migration, required_revision
from tumorcast_gateway.stores.sql_stores import SqlStores, database_url, open_stores, secrets_of
from tumorcast_gateway.stores.sqlite_backup import backup, restore
from tumorcast_gateway.stores.upkeep import (
    Retained,
    erased_patients,
    reapply_erasures,
    retain,
    rotate_key_file,
    rotate_keys,
)

__all__ = [
    "ChainedEntry",
    "Head",
    "Migration",
    "Retained",
    "Secrets",
    "SqlStores",
    "StorePlace",
    "Verdict",
    "backup",
    "current_revision",
    "database_url",
    "entries",
    "erased_patients",
    "head",
    "keep_to_retention",
    "migrate",
    "migration",
    "open_stores",
    "place_of",
    "reapply_erasures",
    "required_revision",
    "restore",
    "retain",
    "rotate_key_file",
    "rotate_keys",
    "secrets_of",
    "verify",
]
