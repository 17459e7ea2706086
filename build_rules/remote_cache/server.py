"""The cache server's command line: `./pants run build_rules/remote_cache:server -- COMMAND`.

Exit codes: 0 success; 1 failure, explained on stderr; 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from remote_cache import background, client
from remote_cache.access import Role, make_token
from remote_cache.errors import CacheError
from remote_cache.pants_settings import pants_toml
from remote_cache.settings import (
    DEFAULT_INSTANCE,
    DEFAULT_LISTEN,
    ServerSettings,
    check_exposure,
    default_folder,
    parse_address,
    parse_age,
    parse_size,
    read_secret,
    read_tls,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=f"""A remote cache for Pants, stored on disk.

    `start` runs it in the background for this machine's clones, at {DEFAULT_LISTEN}, and prints
    the settings for Pants; `stop` ends it. `serve` runs in the foreground, for a service manager or
    a container. For a team: TLS, and tokens by role; see docs/remote-cache.md.""",
)

Folder = Annotated[
    Path | None,
    typer.Option(help="Where everything is stored. Default: pants-remote-cache in ~/.cache."),
]
Listen = Annotated[str, typer.Option(help="HOST:PORT; port 0 means any free one.")]
MaxSize = Annotated[
    str, typer.Option(help="Maximum size; the least recently used entries are evicted first.")
]
MaxAge = Annotated[str, typer.Option(help="Entries unused for this long are evicted.")]
KeepFree = Annotated[str, typer.Option(help="Space to leave free on the disk in any case.")]
Instance = Annotated[str, typer.Option(help="The instance name that clients use.")]
Certificate = Annotated[
    Path | None, typer.Option(help="PEM file of the certificate and its chain: TLS.")
]
Key = Annotated[Path | None, typer.Option(help="PEM file of the certificate's private key.")]
SecretFile = Annotated[
    Path | None,
    typer.Option(help="File with the secret that signs tokens; clients then need a token."),
]
MetricsAt = Annotated[
    str | None,
    typer.Option("--metrics", help="HOST:PORT that serves Prometheus metrics over HTTP."),
]
Trusted = Annotated[
    bool,
    typer.Option("--trusted-network", help="Listen beyond loopback without TLS or tokens."),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log each request.")]


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except CacheError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _folder(folder: Path | None) -> Path:
    return (folder or default_folder(os.environ)).expanduser().absolute()


@app.command()
def serve(
    folder: Folder = None,
    listen: Listen = DEFAULT_LISTEN,
    max_size: MaxSize = "20G",
    max_age: MaxAge = "30d",
    keep_free: KeepFree = "2G",
    instance: Instance = DEFAULT_INSTANCE,
    tls_certificate: Certificate = None,
    tls_key: Key = None,
    secret_file: SecretFile = None,
    metrics: MetricsAt = None,
    trusted_network: Trusted = False,
    verbose: Verbose = False,
) -> None:
    """Serve in the foreground until SIGTERM or Ctrl-C."""
    with _explained():
        settings = ServerSettings(
            folder=_folder(folder),
            listen=parse_address(listen),
            max_bytes=parse_size(max_size),
            max_age=parse_age(max_age),
            keep_free=parse_size(keep_free),
            instance=instance,
            tls=read_tls(tls_certificate, tls_key),
            secret=read_secret(secret_file),
            metrics=parse_address(metrics) if metrics else None,
        )
        check_exposure(settings, trusted_network=trusted_network)
        # Imported here because it takes seconds, and other commands don't need it.
        from remote_cache import serving

        serving.serve(settings, verbose=verbose)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def start(context: typer.Context, folder: Folder = None) -> None:
    """Start `serve` in the background, with its options, and print the settings for Pants.

    If a server is already running, it stays.
    """
    with _explained():
        where = _folder(folder)
        found = background.running(where)
        if found is None:
            command = [sys.executable, "-m", "remote_cache.server", "serve"]
            found = background.start([*command, "--folder", str(where), *context.args], where)
            print(f"started: process {found.pid} at {found.address}, {where}")
        else:
            print(f"already running: process {found.pid} at {found.address}, {where}")
    print("\nPut these settings into a file and name it in PANTS_CONFIG_FILES:\n")
    print(pants_toml(found.address, found.instance, Role.WRITE, tls=found.tls), end="")
    if found.tokens:
        print('remote_oauth_bearer_token_path = "..."  # a file with the output of `token`')


@app.command()
def stop(folder: Folder = None) -> None:
    """Stop the server that `start` started; its contents stay."""
    with _explained():
        where = _folder(folder)
        found = background.stop(where)
        print(f"stopped: process {found.pid}" if found else f"no server is running over {where}")


@app.command()
def status(
    address: Annotated[
        str | None, typer.Argument(help="HOST:PORT. Default: the server over --folder.")
    ] = None,
    folder: Folder = None,
    instance: Instance = DEFAULT_INSTANCE,
    tls: Annotated[bool, typer.Option("--tls", help="The server uses TLS.")] = False,
    ca_file: Annotated[
        Path | None, typer.Option(help="PEM file of the authority that signed its certificate.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with a client's token.")] = None,
) -> None:
    """Show a server's health, and what a token permits. Exit code 1 if it is not serving."""
    with _explained():
        if address is None:
            found = background.running(_folder(folder))
            if found is None:
                raise CacheError(f"no server is running over {_folder(folder)}: run `start`")
            address, instance, tls = found.address, found.instance, found.tls
        try:
            token = token_file.read_text().strip() if token_file else None
        except OSError as error:
            raise CacheError(f"--token-file: {token_file} cannot be read: {error}") from error
        with client.connect(str(parse_address(address)), ca_file, tls or bool(ca_file)) as channel:
            answer = client.status(channel, address, instance, token)
        if not answer.serving:
            raise CacheError(f"{address} is not serving")
    print(f"{address} is serving")
    print(f"reads:  {'permitted' if answer.reads else 'refused'}")
    print(f"writes: {'permitted' if answer.writes else 'refused'}")


@app.command()
def token(
    secret_file: Annotated[Path, typer.Option(help="The server's own secret file.")],
    role: Annotated[Role, typer.Option(help="`read`, or `write` for trusted CI.")] = Role.READ,
    subject: Annotated[str, typer.Option(help="Who uses it, for the logs.")] = "pants",
    lifetime: Annotated[str, typer.Option(help="How long it is valid.")] = "90d",
) -> None:
    """Print a token for a client; keep it in a file that only the client can read."""
    with _explained():
        secret = read_secret(secret_file)
        assert secret is not None
        print(make_token(secret, role, subject, parse_age(lifetime)))


if __name__ == "__main__":
    app()
