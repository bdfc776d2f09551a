"""Tables that users bring: CSV of model inputs and outcomes, read cell by cell against the catalog."""

from tumorcast_training.tables.reader import ColumnReport, Role, TableCohort, assembled, read_table
from tumorcast_training.tables.schema import EndpointColumns, Schema
from tumorcast_training.tables.text import Limits, TextTable, read_text

__all__ = [
    "ColumnReport",
    "EndpointColumns",
    "Limits",
    "Role",
    "Schema",
    "TableCohort",
    "TextTable",
    "assembled",
    "read_table",
    "read_text",
]
