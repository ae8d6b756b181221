"""Collections: sets made of saved searches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "collection",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("catalogue", sa.String(128), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger()),
        sa.Column("expression", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_collection"),
    )
    op.create_index("ix_collection_deleted_at", "collection", ["deleted_at"])
    op.create_table(
        "collection_part",
        sa.Column("collection_id", sa.String(16), nullable=False),
        sa.Column("search_id", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name="fk_collection_part_collection_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["search_id"], ["saved_search.id"], name="fk_collection_part_search_id"),
        sa.PrimaryKeyConstraint("collection_id", "search_id", name="pk_collection_part"),
    )
    op.create_index("ix_collection_part_search_id", "collection_part", ["search_id"])


def downgrade() -> None:
    op.drop_table("collection_part")
    op.drop_table("collection")
