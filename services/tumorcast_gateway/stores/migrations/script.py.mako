"""${message}."""

import sqlalchemy as sa
from alembic import op

from tumorcast_gateway.stores.tables import Moment

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Bring the schema here; the way back is a backup."""
    ${upgrades if upgrades else "pass"}
