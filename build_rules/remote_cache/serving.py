"""BuildGrid's services over a folder, until a signal ends them."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from buildgrid.server.actioncache.instance import ActionCache
from buildgrid.server.auth.config import Acl, InstanceAuthorizationConfig
from buildgrid.server.auth.enums import AuthMetadataAlgorithm
from buildgrid.server.auth.manager import JWTAuthManager, set_auth_manager
from buildgrid.server.cas.instance import ByteStreamInstance, ContentAddressableStorageInstance
from buildgrid.server.cas.root_storage import RootStorage
from buildgrid.server.exceptions import BgdError
from buildgrid.server.monitoring import set_monitoring_bus
from buildgrid.server.server import Server
from grpc import Compression
from prometheus_client import CollectorRegistry, start_http_server

from remote_cache import background
from remote_cache.access import ALGORITHM, READS, Role
from remote_cache.background import Running
from remote_cache.errors import CacheError
from remote_cache.metrics import Metrics
from remote_cache.settings import Address, ServerSettings
from remote_cache.storage import CheckedStorage, DiskActionCache, Sweeper, clear_temporary

READY: Final = "ready: "
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Room around the 4 MiB that clients put into one batch."""
MAX_REQUESTS: Final = 1024
"""Most requests that wait or run; one Pants client has up to 128 at once. More are refused."""


def _check_free(address: Address) -> None:
    """Explain why a port is unavailable, which gRPC doesn't. Raises CacheError."""
    try:
        (family, kind, _, _, where), *_ = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise CacheError(
            f"cannot listen on {address}: {error.strerror or error}; is a server running there?"
        ) from error


class _Quiet(logging.Filter):
    """No traceback for errors that BuildGrid raises on purpose: they are answers to clients."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], BgdError):
            record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
            record.exc_info = None
        return True


def _set_up_logs(verbose: bool) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_Quiet())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if verbose else logging.ERROR)
    logging.getLogger("remote_cache").setLevel(logging.INFO)


def auth_manager(secret: str, instance: str) -> JWTAuthManager:
    """The object that BuildGrid asks at each request to `instance`."""
    return JWTAuthManager(
        secret=secret,
        algorithm=AuthMetadataAlgorithm(ALGORITHM.lower()),
        acls={
            instance: InstanceAuthorizationConfig(
                allow=[
                    Acl(actor=f"^{Role.WRITE.value}$"),
                    Acl(actor=f"^{Role.READ.value}$", requests=list(READS)),
                ]
            )
        },
    )


def serve(settings: ServerSettings, *, verbose: bool = False) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises CacheError if the folder or the port is taken.
    """
    _set_up_logs(verbose)
    done = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        done.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    folder = settings.folder
    with background.hold(folder):
        _check_free(settings.listen)
        clear_temporary(folder)
        sweeper = Sweeper(
            folder, settings.max_bytes, settings.max_age.total_seconds(), settings.keep_free
        )
        storage = RootStorage(CheckedStorage(folder, settings.max_bytes, sweeper.written))
        metrics = Metrics(sweeper)
        set_monitoring_bus(metrics)
        if settings.secret is not None:
            set_auth_manager(auth_manager(settings.secret, settings.instance))
        server = Server(
            server_reflection=False,
            grpc_compression=Compression.NoCompression,
            is_instrumented=False,
            # Without SO_REUSEPORT: two servers on one port would each get half of the requests.
            grpc_server_options=(
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ),
            max_workers=settings.threads,
            maximum_concurrent_rpcs=MAX_REQUESTS,
        )
        credentials = None
        if settings.tls is not None:
            credentials = {
                "tls-server-key": str(settings.tls.key),
                "tls-server-cert": str(settings.tls.certificate),
            }
        server.add_port(str(settings.listen), credentials)
        for instance in (
            ActionCache(DiskActionCache(folder, storage, sweeper.written)),
            ContentAddressableStorageInstance(storage),
            ByteStreamInstance(storage),
        ):
            server.register_instance(settings.instance, instance)
        ports: dict[str, int] = {}
        with sweeper, contextlib.ExitStack() as stack:
            try:
                server.start(
                    run_forever=False,
                    port_assigned_callback=lambda *, port_map: ports.update(port_map),
                )
            except (BgdError, RuntimeError) as error:
                server.stop()
                raise CacheError(f"cannot listen on {settings.listen}: {error}") from error
            stack.callback(server.stop)
            if settings.metrics is not None:
                stack.callback(_serve_metrics(settings.metrics, metrics))
            address = Address(settings.listen.host, ports[str(settings.listen)])
            state = Running(
                pid=os.getpid(),
                address=str(address),
                instance=settings.instance,
                tls=settings.tls is not None,
                tokens=settings.secret is not None,
            )
            stack.enter_context(background.announced(folder, state))
            print(f"{READY}{address}, {folder}", flush=True)
            done.wait()
            print("stopping", flush=True)
    print("stopped", flush=True)


def _serve_metrics(address: Address, metrics: Metrics) -> Callable[[], None]:
    """Serve metrics from a thread; returns a function that stops it. Raises CacheError."""
    registry = CollectorRegistry()
    registry.register(metrics)
    try:
        server, thread = start_http_server(address.port, address.host, registry)
    except OSError as error:
        raise CacheError(f"--metrics: cannot listen on {address}: {error}") from error
    print(f"metrics: http://{address.host}:{server.server_port}/metrics", flush=True)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
