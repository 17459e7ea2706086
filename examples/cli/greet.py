"""A command line: `greet hello World`, `greet version`."""

import json
import sys
from pathlib import Path

import click


@click.group()
def main() -> None:
    """Says hello, and which version it is."""


@main.command()
@click.argument("name")
def hello(name: str) -> None:
    click.echo(f"Hello, {name}!")


@main.command()
def version() -> None:
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is None:
        click.echo("not packaged")
    else:
        click.echo(json.loads(Path(bundle, "build_info.json").read_text())["version"])
