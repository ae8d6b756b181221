"""How Alembic runs the migrations: on the connection that database.py gives, in its transaction."""

from __future__ import annotations

from alembic import context

from web_service.keeping.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
