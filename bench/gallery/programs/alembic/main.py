"""Migrates a SQLite database up and down, and writes a migration of what is missing."""

import contextlib
import io
import shutil
import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import CommandLine, Config

import models

with tempfile.TemporaryDirectory() as folder:
    scripts = Path(folder, "migrations")
    shutil.copytree(Path(__file__).resolve().parent / "migrations", scripts)
    url = f"sqlite:///{folder}/database"
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("sqlalchemy.url", url)
    command.upgrade(config, "head")
    engine = sa.create_engine(url)
    print([column["name"] for column in sa.inspect(engine).get_columns("user")])
    command.downgrade(config, "001")
    print([column["name"] for column in sa.inspect(engine).get_columns("user")])
    command.upgrade(config, "head")
    with contextlib.redirect_stdout(io.StringIO()):  # it names its folders
        made = command.revision(config, "age", autogenerate=True, rev_id="003")
    print([line.strip() for line in Path(made.path).read_text().splitlines() if "age" in line])
    command.upgrade(config, "head", sql=False)
    print([column["name"] for column in sa.inspect(engine).get_columns("user")])
    config.stdout = sys.stdout
    command.history(config)
    command.current(config)
    with contextlib.redirect_stdout(io.StringIO()):
        command.init(Config(stdout=io.StringIO(), file_=f"{folder}/new.ini"), f"{folder}/new")
    print(sorted(path.name for path in Path(folder, "new").iterdir()))
print(CommandLine(prog="alembic").parser.prog, len(models.metadata.tables))
