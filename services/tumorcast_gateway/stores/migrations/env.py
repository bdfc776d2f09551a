"""Runs migrations on the connection that ``stores.schema`` hands over, in its transaction. Imported it does nothing."""

from alembic import context

from tumorcast_gateway.stores.tables import metadata

if config := getattr(context, "config", None):
    context.configure(
        connection=config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,  # SQLite alters a table by copying it
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    context.run_migrations()
