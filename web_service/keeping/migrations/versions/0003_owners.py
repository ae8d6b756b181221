"""Whose a saved search or collection is; what there is belongs to whoever uses an open service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("saved_search", "collection"):
        op.add_column(table, sa.Column("owner", sa.String(64), nullable=False, server_default="local"))
        op.create_index(f"ix_{table}_owner", table, ["owner"])


def downgrade() -> None:
    for table in ("saved_search", "collection"):
        op.drop_index(f"ix_{table}_owner", table)
        with op.batch_alter_table(table) as batch:
            batch.drop_column("owner")
