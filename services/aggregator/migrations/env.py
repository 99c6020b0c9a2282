"""Alembic's entry: migrates over the connection that the store hands in."""

from alembic import context

from services.aggregator.store import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
