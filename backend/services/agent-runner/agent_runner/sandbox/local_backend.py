"""The agent's view of a local sandbox: deepagents' file tools and `execute`, held inside one
directory.

File tools see the directory as `/`. No path leaves it: `..` and symlinks are resolved first. Shell
commands are bounded (environment, time, output, process group) but run as the worker's user: what
must not be trusted belongs in Daytona.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from deepagents.backends import FilesystemBackend
from deepagents.backends.protocol import (
    DeleteResult,
    EditResult,
    ExecuteResponse,
    FileDownloadResponse,
    FileUploadResponse,
    GlobResult,
    GrepResult,
    LsResult,
    ReadResult,
    SandboxBackendProtocol,
    WriteResult,
)

from agent_runner import processes, shell
from agent_runner.sandbox.paths import OutsideSandbox, inside
from agent_runner.shell import CommandLimits


class LocalBackend(SandboxBackendProtocol):
    """File operations by deepagents' FilesystemBackend, after our own check of the path; commands
    by `shell.run`."""

    def __init__(self, sandbox_id: str, directory: Path, limits: CommandLimits) -> None:
        self._id = sandbox_id
        self._directory = directory.resolve()
        self._limits = limits
        self._files = FilesystemBackend(root_dir=self._directory, virtual_mode=True)

    @property
    def id(self) -> str:
        return self._id

    def _check(self, path: str | None) -> str | None:
        """The error for the model, or None when the path is inside."""
        try:
            inside(self._directory, path or "/")
        except OutsideSandbox as error:
            return str(error)
        return None

    def ls(self, path: str) -> LsResult:
        error = self._check(path)
        return LsResult(error=error) if error else self._files.ls(path)

    def read(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        error = self._check(file_path)
        return ReadResult(error=error) if error else self._files.read(file_path, offset, limit)

    def write(self, file_path: str, content: str) -> WriteResult:
        error = self._check(file_path)
        return WriteResult(error=error) if error else self._files.write(file_path, content)

    def edit(
        self, file_path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> EditResult:
        error = self._check(file_path)
        if error:
            return EditResult(error=error)
        return self._files.edit(file_path, old_string, new_string, replace_all)

    def delete(self, file_path: str) -> DeleteResult:
        error = self._check(file_path)
        if error is None and inside(self._directory, file_path) == self._directory:
            error = "Error: '/' is the sandbox itself and cannot be deleted"
        return DeleteResult(error=error) if error else self._files.delete(file_path)

    def grep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        error = self._check(path)
        if error:
            return GrepResult(error=error)
        return self._files.grep(pattern, path, glob, max_count=max_count)

    def glob(self, pattern: str, path: str | None = None) -> GlobResult:
        error = self._check(path)
        return GlobResult(error=error) if error else self._files.glob(pattern, path)

    def upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        answers = []
        for path, content in files:
            error = self._check(path)
            if error is None:
                target = inside(self._directory, path)
                try:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
                except OSError as failed:
                    error = f"Error writing file '{path}': {failed.strerror}"
            answers.append(FileUploadResponse(path=path, error=error))
        return answers

    def download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        answers = []
        for path in paths:
            error, content = self._check(path), None
            if error is None:
                try:
                    content = inside(self._directory, path).read_bytes()
                except FileNotFoundError:
                    error = "file_not_found"
                except IsADirectoryError:
                    error = "is_directory"
                except OSError as failed:
                    error = f"Error reading file '{path}': {failed.strerror}"
            answers.append(FileDownloadResponse(path=path, content=content, error=error))
        return answers

    async def aexecute(
        self,
        command: str,
        *,
        timeout: int | None = None,
    ) -> ExecuteResponse:
        """Run a shell command in the sandbox directory; `timeout` (seconds) can only shorten the
        limit."""
        limit = min(timeout, self._limits.timeout) if timeout else self._limits.timeout
        try:
            result = await shell.run(
                command,
                cwd=str(self._directory),
                environment=processes.clean_environment(
                    str(self._directory), self._id, self._limits.environment, os.environ
                ),
                timeout=limit,
                output_limit=self._limits.output,
            )
        except (OSError, ValueError) as error:  # no such shell; a NUL in the command
            return ExecuteResponse(
                output=f"Error: the command was not started: {error}", exit_code=127
            )
        if result.timed_out:
            note = f"[killed after {limit:g} seconds, the time limit]"
            return ExecuteResponse(
                output=f"{result.output}\n{note}".lstrip(),
                exit_code=124,
                truncated=result.truncated,
            )
        return ExecuteResponse(
            output=result.output, exit_code=result.exit_code, truncated=result.truncated
        )

    def execute(self, command: str, *, timeout: int | None = None) -> ExecuteResponse:
        """The same for callers without an event loop."""
        return asyncio.run(self.aexecute(command, timeout=timeout))
