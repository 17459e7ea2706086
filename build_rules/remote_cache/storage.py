"""The server's files: blobs by their digest, action results by their action's digest.

BuildGrid has a disk store that only grows, and action caches in memory or in another server. Here
both are files in one folder, and their modification times record their last use, so that one sweep
bounds both:

    FOLDER/cas/objects/ab/cdef...   a blob, as BuildGrid's DiskStorage lays them out
    FOLDER/actions/ab/cdef...-SIZE  an action's result, after its SHA-256

Every read is checked. A corrupt file is deleted and treated as a miss, so the next build makes and
stores it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from buildgrid._protos.build.bazel.remote.execution.v2.remote_execution_pb2 import (
    ActionResult,
    Digest,
)
from buildgrid._protos.google.rpc import code_pb2
from buildgrid._protos.google.rpc.status_pb2 import Status
from buildgrid.server.actioncache.caches.action_cache_abc import ActionCacheABC
from buildgrid.server.cas.root_storage import RootStorage
from buildgrid.server.cas.storage.disk import DiskStorage
from buildgrid.server.exceptions import (
    FailedPreconditionError,
    NotFoundError,
    StorageFullError,
)
from google.protobuf.message import DecodeError

from remote_cache import eviction
from remote_cache.eviction import Entry

logger = logging.getLogger(__name__)

ACTIONS: Final = "actions"
OBJECTS: Final = "cas/objects"
_TEMPORARY: Final = "tmp"
_TOUCH_AFTER_S: Final = 60.0
"""Uses within a minute count as one, so that a busy file is not touched each time."""
_CHECKSUM_BYTES: Final = hashlib.sha256().digest_size


def _touch(path: str, status: os.stat_result) -> None:
    now = time.time()
    if now - status.st_mtime > _TOUCH_AFTER_S:
        try:
            os.utime(path, (now, now))
        except FileNotFoundError:  # swept in between
            return


class CheckedStorage(DiskStorage):
    """Blobs whose use is recorded, and whose content is checked when it is read.

    max_bytes: larger blobs are refused. written: called with the size of each new blob.
    """

    def __init__(self, folder: Path, max_bytes: int, written: Callable[[int], None]) -> None:
        super().__init__(str(folder))
        self._max_bytes = max_bytes
        self._written = written

    def _path(self, digest: Digest) -> str:
        objects: str = self.objects_path
        return os.path.join(objects, digest.hash[:2], digest.hash[2:])

    def _use(self, digest: Digest) -> bool:
        """Whether the blob exists; counts as a use. A file of the wrong size is deleted."""
        path = self._path(digest)
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        if status.st_size != digest.size_bytes:
            self._condemn(digest, f"it has {status.st_size} bytes")
            return False
        _touch(path, status)
        return True

    def _condemn(self, digest: Digest, reason: str) -> None:
        logger.error("removed blob %s/%d: %s", digest.hash, digest.size_bytes, reason)
        self.delete_blob(digest)

    def has_blob(self, digest: Digest) -> bool:
        return self._use(digest)

    def missing_blobs(self, digests: list[Digest]) -> list[Digest]:
        return [digest for digest in digests if not self._use(digest)]

    def get_blob(self, digest: Digest) -> IO[bytes] | None:
        return super().get_blob(digest) if self._use(digest) else None

    def bulk_read_blobs(self, digests: list[Digest]) -> dict[str, bytes]:
        sound = {}
        found = super().bulk_read_blobs([digest for digest in digests if self._use(digest)])
        for digest in digests:
            content = found.get(digest.hash)
            if content is None:
                continue
            if hashlib.sha256(content).hexdigest() == digest.hash:
                sound[digest.hash] = content
            else:
                self._condemn(digest, "its content has another SHA-256")
        return sound

    def stream_read_blob(
        self, digest: Digest, chunk_size: int, offset: int = 0, limit: int = 0
    ) -> Iterator[bytes]:
        if not self._use(digest):
            raise NotFoundError(f"Blob not found: {digest.hash}/{digest.size_bytes}")
        chunks = super().stream_read_blob(digest, chunk_size, offset, limit)
        if offset or 0 < limit < digest.size_bytes:
            yield from chunks  # a part cannot be checked by the blob's digest
            return
        # Send the last chunk only after checking all: nobody gets a complete wrong blob.
        state = hashlib.sha256()
        held = b""
        for chunk in chunks:
            state.update(chunk)
            if held:
                yield held
            held = chunk
        if state.hexdigest() != digest.hash:
            self._condemn(digest, "its content has another SHA-256")
            raise NotFoundError(f"Blob was damaged: {digest.hash}/{digest.size_bytes}")
        yield held

    def _too_large(self, digest: Digest) -> str | None:
        if digest.size_bytes <= self._max_bytes:
            return None
        return f"a blob of {digest.size_bytes} bytes is larger than the cache, {self._max_bytes}"

    def bulk_update_blobs(self, blobs: list[tuple[Digest, bytes]]) -> list[Status]:
        # One by one, as streams: BuildGrid's own method makes a file visible before it is complete,
        # and a reader would find it damaged.
        statuses = []
        for digest, data in blobs:
            try:
                self.stream_write_blob(digest, iter([data]))
                statuses.append(Status(code=code_pb2.OK))
            except StorageFullError as error:
                statuses.append(Status(code=code_pb2.RESOURCE_EXHAUSTED, message=str(error)))
            except OSError as error:
                statuses.append(Status(code=code_pb2.INTERNAL, message=str(error)))
        return statuses

    def stream_write_blob(self, digest: Digest, chunks: Iterator[bytes]) -> None:
        if refusal := self._too_large(digest):
            raise StorageFullError(refusal)
        super().stream_write_blob(digest, chunks)
        self._written(digest.size_bytes)

    def commit_write(self, digest: Digest, write_session: IO[bytes]) -> None:
        if refusal := self._too_large(digest):
            raise StorageFullError(refusal)
        super().commit_write(digest, write_session)
        self._written(digest.size_bytes)


class DiskActionCache(ActionCacheABC):
    """Results of actions as files, so that they outlive the server.

    A result is stored and returned only while everything it refers to is in `storage`.
    """

    def __init__(self, folder: Path, storage: RootStorage, written: Callable[[int], None]) -> None:
        super().__init__(allow_updates=True, storage=storage)
        self._results = folder / ACTIONS
        self._temporary = folder / _TEMPORARY
        self._written = written
        self._results.mkdir(parents=True, exist_ok=True)
        self._temporary.mkdir(exist_ok=True)

    def _path(self, action: Digest) -> Path:
        name: str = action.hash
        return self._results / name[:2] / f"{name[2:]}-{action.size_bytes}"

    def get_action_result(self, action_digest: Digest) -> ActionResult:
        path = self._path(action_digest)
        name = f"{action_digest.hash}/{action_digest.size_bytes}"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"No result of the action {name}") from None
        result = _decode(content)
        if result is None:
            logger.error("removed the result of action %s: its file is damaged", name)
            path.unlink(missing_ok=True)
            raise NotFoundError(f"The result of the action {name} was damaged")
        if not self.referenced_blobs_still_exist(action_digest, result):
            path.unlink(missing_ok=True)
            raise NotFoundError(f"Outputs of the action {name} are gone")
        with contextlib.suppress(FileNotFoundError):  # swept in between; the answer is correct
            _touch(str(path), path.stat())
        return result

    def update_action_result(self, action_digest: Digest, action_result: ActionResult) -> None:
        if action_result.exit_code:
            return  # a failure may be the machine's
        if not self.referenced_blobs_still_exist(action_digest, action_result):
            raise FailedPreconditionError(
                f"the result of the action {action_digest.hash}/{action_digest.size_bytes} refers "
                "to outputs that are not in the cache: upload them first"
            )
        content = _encode(action_result)
        path = self._path(action_digest)
        path.parent.mkdir(exist_ok=True)
        try:
            with tempfile.NamedTemporaryFile(dir=self._temporary, delete=False) as file:
                try:
                    file.write(content)
                    file.flush()
                    os.replace(file.name, path)
                except BaseException:
                    os.unlink(file.name)
                    raise
        except OSError as error:
            raise StorageFullError(f"the result cannot be stored: {error}") from error
        self._written(len(content))


def _encode(result: ActionResult) -> bytes:
    message: bytes = result.SerializeToString()
    return hashlib.sha256(message).digest() + message


def _decode(content: bytes) -> ActionResult | None:
    checksum, message = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
    if hashlib.sha256(message).digest() != checksum:
        return None
    try:
        return ActionResult.FromString(message)
    except DecodeError:
        return None


def scan(folder: Path) -> Iterator[Entry]:
    """Every file that counts towards the size: blobs and results."""
    for part in (OBJECTS, ACTIONS):
        for top in _directory(folder / part):
            for file in _directory(Path(top.path)):
                try:
                    status = file.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Entry(file.path, status.st_size, status.st_mtime)


def _directory(path: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def clear_temporary(folder: Path) -> None:
    """Delete the partial files of a killed server."""
    for entry in _directory(folder / _TEMPORARY):
        try:
            os.unlink(entry.path)
        except OSError as error:
            logger.warning("%s stays: %s", entry.path, error)


class Sweeper:
    """Keeps a folder within its bounds, in a thread: at start, every `interval_s`, and as soon as
    too much was written."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        max_age_s: float,
        keep_free: int,
        interval_s: float = 300.0,
    ) -> None:
        self.kept_bytes = 0
        self.kept_files = 0
        self.expired_bytes = 0
        self.evicted_bytes = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._keep_free = keep_free
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._limit = max_bytes
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def written(self, size: int) -> None:
        """Record a new file of `size` bytes."""
        with self._lock:
            self.kept_bytes += size
            full = self.kept_bytes > self._limit
        if full:
            self._wake.set()

    def sweep(self) -> eviction.Plan:
        """Bring the folder within its bounds now."""
        entries = list(scan(self._folder))
        kept = sum(entry.size for entry in entries)
        free = shutil.disk_usage(self._folder).free
        limit = eviction.allowance(self._max_bytes, kept, free, self._keep_free)
        plan = eviction.choose(entries, limit, time.time() - self._max_age_s)
        for entry in (*plan.expired, *plan.evicted):
            try:
                os.unlink(entry.path)
            except FileNotFoundError:
                continue
        with self._lock:
            self.kept_bytes = plan.kept_bytes
            self.kept_files = len(entries) - len(plan.expired) - len(plan.evicted)
            self.expired_bytes += sum(entry.size for entry in plan.expired)
            self.evicted_bytes += sum(entry.size for entry in plan.evicted)
            self._limit = limit
        return plan

    def _run(self) -> None:
        while not self._stopping:
            try:
                plan = self.sweep()
            except OSError:
                logger.exception("the cache could not be swept")
            else:
                if plan.expired or plan.evicted:
                    logger.info(
                        "swept: %d files expired, %d evicted, %d bytes kept",
                        *(len(plan.expired), len(plan.evicted), plan.kept_bytes),
                    )
            self._wake.wait(self._interval_s)
            self._wake.clear()

    def __enter__(self) -> Sweeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()
