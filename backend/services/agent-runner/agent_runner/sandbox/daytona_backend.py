"""The agent's view of a Daytona sandbox: files by its file system API, commands by its process API.

As in a local sandbox the file tools see the working directory as `/`.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NoReturn

from deepagents.backends.protocol import (
    DeleteResult,
    EditResult,
    ExecuteResponse,
    FileData,
    FileDownloadResponse,
    FileInfo,
    FileUploadResponse,
    GlobResult,
    GrepMatch,
    GrepResult,
    LsResult,
    ReadResult,
    WriteResult,
)
from deepagents.backends.sandbox import BaseSandbox
from deepagents.backends.utils import perform_string_replacement, slice_read_response

from agent_runner.sandbox.paths import OutsideSandbox
from agent_runner.shell import Capture

if TYPE_CHECKING:
    from daytona import AsyncSandbox

    from agent_runner.shell import CommandLimits


class DaytonaBackend(BaseSandbox):
    """Asynchronous only: agent-runner always runs agents on an event loop."""

    def __init__(self, sandbox: AsyncSandbox, root: str, limits: CommandLimits) -> None:
        self._sandbox = sandbox
        self._root = posixpath.normpath(root)
        self._limits = limits

    @property
    def id(self) -> str:
        return str(self._sandbox.id)

    # -- paths

    def _remote(self, path: str) -> str:
        """The sandbox's own path of what the agent calls `path`.

        Raises:
            OutsideSandbox: it would leave the working directory.
        """
        if "\0" in path or ".." in path.split("/"):
            raise OutsideSandbox(f"Error: '{path}' is outside of the sandbox: '..' is not allowed")
        return posixpath.normpath(posixpath.join(self._root, path.lstrip("/")))

    def _shown(self, path: str) -> str:
        """The agent's name of one of the sandbox's own paths."""
        if path == self._root:
            return "/"
        return path[len(self._root) :] if path.startswith(f"{self._root}/") else path

    # -- commands

    async def aexecute(
        self,
        command: str,
        *,
        timeout: int | None = None,
    ) -> ExecuteResponse:
        limit = min(timeout, self._limits.timeout) if timeout else self._limits.timeout
        try:
            answer = await self._sandbox.process.exec(
                command, cwd=self._root, timeout=max(1, round(limit))
            )
        except Exception as error:  # the SDK's own errors and its HTTP client's
            return ExecuteResponse(output=f"Error: {error}", exit_code=1)
        capture = Capture(self._limits.output)
        capture.add(str(answer.result).encode())
        return ExecuteResponse(
            output=capture.text(), exit_code=int(answer.exit_code), truncated=capture.dropped > 0
        )

    # -- files

    async def als(self, path: str) -> LsResult:
        try:
            remote = self._remote(path)
            found = await self._sandbox.fs.list_files(remote)
        except Exception as error:
            return LsResult(error=f"Error listing '{path}': {error}")
        entries: list[FileInfo] = []
        for item in sorted(found, key=lambda item: str(item.name)):
            name = self._shown(posixpath.join(remote, str(item.name)))
            entries.append(
                FileInfo(
                    path=f"{name}/" if item.is_dir else name,
                    is_dir=bool(item.is_dir),
                    size=int(item.size or 0),
                )
            )
        return LsResult(entries=entries)

    async def aread(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        content, error = await self._text(file_path)
        if content is None:
            return ReadResult(error=error)
        return slice_read_response(FileData(content=content, encoding="utf-8"), offset, limit)

    async def _text(self, path: str) -> tuple[str | None, str | None]:
        try:
            raw = await self._sandbox.fs.download_file(self._remote(path))
            return raw.decode("utf-8"), None
        except UnicodeDecodeError:
            return None, f"Error reading file '{path}': it is not UTF-8 text"
        except Exception as error:
            return None, f"Error reading file '{path}': {error}"

    async def awrite(self, file_path: str, content: str) -> WriteResult:
        answers = await self.aupload_files([(file_path, content.encode())])
        error = answers[0].error
        return WriteResult(error=str(error)) if error else WriteResult(path=file_path)

    async def aedit(
        self, file_path: str, old_string: str, new_string: str, replace_all: bool = False
    ) -> EditResult:
        content, error = await self._text(file_path)
        if content is None:
            return EditResult(error=error)
        result = perform_string_replacement(content, old_string, new_string, replace_all)
        if isinstance(result, str):
            return EditResult(error=result)
        changed, occurrences = result
        written = await self.awrite(file_path, changed)
        if written.error:
            return EditResult(error=written.error)
        return EditResult(path=file_path, occurrences=int(occurrences))

    async def adelete(self, file_path: str) -> DeleteResult:
        try:
            remote = self._remote(file_path)
            if remote == self._root:
                return DeleteResult(error="Error: '/' is the sandbox itself and cannot be deleted")
            await self._sandbox.fs.delete_file(remote, recursive=True)
        except Exception as error:
            return DeleteResult(error=f"Error deleting '{file_path}': {error}")
        return DeleteResult(path=file_path)

    async def agrep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        try:
            remote = self._remote(path or "/")
        except OutsideSandbox as error:
            return GrepResult(error=str(error))
        result = await super().agrep(pattern, remote, glob, max_count=max_count)
        for match in result.matches or []:
            _rename(match, self._shown(match["path"]))
        return result

    async def aglob(self, pattern: str, path: str | None = None) -> GlobResult:
        try:
            remote = self._remote(path or "/")
        except OutsideSandbox as error:
            return GlobResult(error=str(error))
        result = await super().aglob(pattern, remote)
        for match in result.matches or []:
            _rename(match, self._shown(match["path"]))
        return result

    async def aupload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        answers = []
        for path, content in files:
            error = None
            try:
                remote = self._remote(path)
                parent = posixpath.dirname(remote)
                if parent not in ("", self._root):
                    await self._sandbox.fs.create_folder(parent, "755")
                await self._sandbox.fs.upload_file(content, remote)
            except Exception as failed:
                error = f"Error writing file '{path}': {failed}"
            answers.append(FileUploadResponse(path=path, error=error))
        return answers

    async def adownload_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        answers = []
        for path in paths:
            content, error = None, None
            try:
                content = await self._sandbox.fs.download_file(self._remote(path))
            except Exception as failed:
                error = f"Error reading file '{path}': {failed}"
            answers.append(FileDownloadResponse(path=path, content=content, error=error))
        return answers

    # -- the synchronous half of the protocol

    def execute(self, command: str, *, timeout: int | None = None) -> ExecuteResponse:
        _asynchronous_only()

    def upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        _asynchronous_only()

    def download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        _asynchronous_only()


def _rename(match: FileInfo | GrepMatch, path: str) -> None:
    match["path"] = path


def _asynchronous_only() -> NoReturn:
    raise NotImplementedError("a Daytona sandbox is used on an event loop: call the a… methods")
