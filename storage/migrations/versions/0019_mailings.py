"""How often a proof was sent out.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    # each mailing is a mail of its own to each approver, storage/messages.py keeps them apart by key
    op.execute("ALTER TABLE color_up ADD COLUMN mailing integer NOT NULL DEFAULT 1")


def downgrade() -> None:
    op.execute("ALTER TABLE color_up DROP COLUMN mailing")
