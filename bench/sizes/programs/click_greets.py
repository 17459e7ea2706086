import click


@click.command()
@click.option("--name", default="world")
def greet(name: str) -> None:
    click.secho(f"hello {name}", bold=True)


if __name__ == "__main__":
    greet([])
