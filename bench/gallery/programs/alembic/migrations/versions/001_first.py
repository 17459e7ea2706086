"""first"""

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None


def upgrade() -> None:
    op.create_table("user", sa.Column("id", sa.Integer, primary_key=True))


def downgrade() -> None:
    op.drop_table("user")
