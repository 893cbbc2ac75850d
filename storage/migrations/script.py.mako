"""${message}

Revision ID: ${up_revision}
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "raise RuntimeError('write me')"}


def downgrade() -> None:
    raise RuntimeError("write a forward migration instead")
