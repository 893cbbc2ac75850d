"""Record each line's moves beside the decision that made them.

Revision ID: 0014
"""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"

_BEFORE = "0001_spine.sql"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(Path(__file__).with_name("0014_line_history.sql").read_text())


def downgrade() -> None:
    spine = Path(__file__).with_name(_BEFORE).read_text().split("\n-- next\n")
    before = next(statement for statement in spine if "CREATE FUNCTION record_draft(" in statement)
    op.get_bind().exec_driver_sql(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
