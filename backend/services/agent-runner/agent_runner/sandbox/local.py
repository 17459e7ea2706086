"""Local sandboxes: one directory each, under a root that belongs to this worker's user."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent_runner import logs, processes
from agent_runner.errors import SandboxUnavailable
from agent_runner.shell import CommandLimits

if TYPE_CHECKING:
    from deepagents.backends.protocol import SandboxBackendProtocol

log = logs.get(__name__)

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_OWNED: Final = re.compile(r"worker-(?P<pid>[0-9]+)-[0-9a-f]{12}")


class LocalSandboxes:
    """Sandboxes as directories `ROOT/worker-PID-RANDOM/KEY`, mode 0700.

    The worker's own directory goes when the worker ends in order; what a killed worker left is
    removed by the next one on the same root, by the process id in its name.
    """

    kind = "local"
    tied_to_worker = True

    def __init__(self, root: Path, limits: CommandLimits) -> None:
        self._root = root
        self._limits = limits
        self._own: Path | None = None

    def prepare(self) -> None:
        """Make this worker's directory and remove those of workers that are gone.

        Raises:
            SandboxUnavailable: the root cannot be made or written, or belongs to somebody else.
        """
        if self._own is not None:
            return
        own = self._root / f"worker-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._root.lstat()
            # the default is a known name in a directory that everybody can write
            if stat.S_ISLNK(found.st_mode) or (
                hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0)
            ):
                raise SandboxUnavailable(
                    f"sandbox root {self._root} belongs to another user; "
                    "set AGENT_RUNNER_SANDBOX_ROOT"
                )
            own.mkdir(mode=0o700)
        except OSError as error:
            raise SandboxUnavailable(
                f"cannot write sandbox root {self._root}: {error.strerror}; "
                "set AGENT_RUNNER_SANDBOX_ROOT"
            ) from error
        self._own = own
        self._remove_orphans()

    def _remove_orphans(self) -> None:
        for entry in self._root.iterdir():
            match = _OWNED.fullmatch(entry.name)
            if match is None or processes.this_platform().alive(int(match["pid"])):
                continue
            for sandbox in entry.iterdir():
                processes.kill_marked(sandbox.name)
            remove_tree(entry)
            log.info("orphaned_sandboxes_removed", directory=str(entry))

    def directory(self, sandbox_id: str) -> Path:
        """The sandbox's directory, whether it exists or not."""
        self.prepare()
        assert self._own is not None
        if not _KEY.fullmatch(sandbox_id):
            raise SandboxUnavailable(f"{sandbox_id!r} is not the id of a local sandbox")
        return self._own / sandbox_id

    async def create(self, key: str) -> str:
        directory = self.directory(key)
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SandboxUnavailable(f"cannot make {directory}: {error.strerror}") from error
        return key

    @asynccontextmanager
    async def open(self, sandbox_id: str) -> AsyncIterator[SandboxBackendProtocol]:
        directory = self.directory(sandbox_id)
        if not directory.is_dir():
            raise SandboxUnavailable(f"sandbox {sandbox_id} is not on this worker (any more)")
        # deepagents is heavy: only here, when an agent runs
        from agent_runner.sandbox.local_backend import LocalBackend

        yield LocalBackend(sandbox_id, directory, self._limits)

    async def delete(self, sandbox_id: str) -> None:
        directory = self.directory(sandbox_id)
        processes.kill_marked(sandbox_id)
        await asyncio.to_thread(remove_tree, directory)

    async def probe(self) -> str:
        from agent_runner import shell

        key = await self.create(f"check-{uuid.uuid4().hex[:12]}")
        try:
            directory = self.directory(key)
            environment = processes.clean_environment(
                str(directory), key, self._limits.environment, os.environ
            )
            result = await shell.run(
                "echo works > probe.txt && echo works",
                cwd=str(directory),
                environment=environment,
                timeout=min(30, self._limits.timeout),
                output_limit=1000,
            )
            if result.exit_code != 0 or "works" not in result.output:
                raise SandboxUnavailable(
                    f"a command in {directory} did not work: exit code {result.exit_code}, "
                    f"output {result.output.strip()!r}"
                )
        finally:
            await self.delete(key)
        return f"local, {self._root}"

    async def close(self) -> None:
        if self._own is None:
            return
        own, self._own = self._own, None
        for sandbox in own.iterdir() if own.is_dir() else ():
            processes.kill_marked(sandbox.name)
        await asyncio.to_thread(remove_tree, own)


def remove_tree(directory: Path) -> None:
    """Remove a directory whatever the modes of what is in it; symlinks are not followed."""

    def retry(function: object, path: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        entry = Path(path)
        try:
            entry.parent.chmod(0o700)
            if entry.is_dir() and not entry.is_symlink():
                entry.chmod(0o700)
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()
        except OSError as failed:
            log.warning("sandbox_remains", path=path, reason=failed.strerror)

    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory, onexc=retry)
