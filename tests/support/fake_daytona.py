"""A fake Daytona API on loopback, whose sandboxes are temporary directories on this machine.

It speaks the part of Daytona's API and toolbox API that its SDK uses for sandboxes, files and
commands; what is sent to any other path is answered 501 and recorded. File paths and the working
directory of commands are real paths below the sandbox's directory, so both see the same files.

    with FakeDaytona(api_key="dtn_test") as server:
        ...                       # DAYTONA_API_URL=server.api_url DAYTONA_API_KEY=dtn_test
        assert server.sandboxes == {}      # all deleted again
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
import shutil
import signal
import stat
import tempfile
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.loopback import LoopbackServer

_BOUNDARY: Final = "daytona-parts"
_DEFAULT_COMMAND_TIMEOUT_S: Final = 10  # the API's own

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Sandbox:
    """One sandbox. `request` is what it was created with; `directory` holds its files."""

    id: str
    directory: Path
    request: dict[str, Any]
    commands: list[str] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    running: set[asyncio.subprocess.Process] = field(default_factory=set)

    def path(self, given: str) -> Path:
        """The file at a client's path; raises 404 outside the sandbox."""
        path = Path(os.path.normpath(self.directory / given))
        if not path.is_relative_to(self.directory):
            raise HTTPException(404, f"no such file in the sandbox: {given}")
        return path


class FakeDaytona(LoopbackServer):
    """The server. It answers 401 to requests without the bearer token `api_key`.

    sandboxes: those that exist, by id. deleted: those that existed. unexpected: "METHOD path" of
    requests that this stand-in does not know.
    """

    def __init__(self, *, api_key: str = "dtn_test") -> None:
        self.api_key = api_key
        self.sandboxes: dict[str, Sandbox] = {}
        self.deleted: list[Sandbox] = []
        self.unexpected: list[str] = []
        self._root = tempfile.TemporaryDirectory(prefix="daytona-server-")
        box = "/toolbox/{sandbox}"
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/api/config", self._config),
            ("POST", "/api/sandbox", self._create),
            ("GET", "/api/sandbox", self._list),
            ("GET", "/api/sandbox/paginated", self._list_page),
            ("GET", "/api/sandbox/{sandbox}", self._get),
            ("DELETE", "/api/sandbox/{sandbox}", self._delete),
            ("POST", "/api/sandbox/{sandbox}/start", self._get),
            ("GET", "/api/sandbox/{sandbox}/toolbox-proxy-url", self._toolbox_url),
            ("GET", f"{box}/user-home-dir", self._directory),
            ("GET", f"{box}/work-dir", self._directory),
            ("GET", f"{box}/files", self._list_files),
            ("DELETE", f"{box}/files", self._delete_file),
            ("GET", f"{box}/files/info", self._file_info),
            ("POST", f"{box}/files/folder", self._make_folder),
            ("POST", f"{box}/files/move", self._move),
            ("GET", f"{box}/files/search", self._search),
            ("GET", f"{box}/files/find", self._find),
            ("GET", f"{box}/files/download", self._download),
            ("POST", f"{box}/files/bulk-download", self._bulk_download),
            ("POST", f"{box}/files/bulk-upload", self._bulk_upload),
            ("POST", f"{box}/process/execute", self._execute),
        ]
        super().__init__(
            Starlette(
                routes=[
                    *(
                        Route(path, self._checked(handler), methods=[method])
                        for method, path, handler in routes
                    ),
                    Route("/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "DELETE"]),
                ],
                exception_handlers={HTTPException: _failure},
            )
        )

    @property
    def api_url(self) -> str:
        """What `DAYTONA_API_URL` should be."""
        return f"{self.root_url}/api"

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        for sandbox in self.sandboxes.values():
            _kill(sandbox)
        self._root.cleanup()

    def _checked(self, handler: Handler) -> Handler:
        async def authorized(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {self.api_key}":
                raise HTTPException(401, "Unauthorized")
            return await handler(request)

        return authorized

    async def _unknown(self, request: Request) -> Response:
        self.unexpected.append(f"{request.method} {request.url.path}")
        raise HTTPException(501, f"this stand-in has no {request.method} {request.url.path}")

    def _sandbox(self, request: Request) -> Sandbox:
        name = request.path_params["sandbox"]
        for sandbox in self.sandboxes.values():
            if name in (sandbox.id, sandbox.request.get("name")):
                return sandbox
        raise HTTPException(404, f"Sandbox with ID or name {name} not found")

    def _describe(self, sandbox: Sandbox, state: str = "started") -> dict[str, Any]:
        asked = sandbox.request
        return {
            "id": sandbox.id,
            "organizationId": "tests",
            "name": asked.get("name") or sandbox.id,
            "snapshot": asked.get("snapshot") or "default",
            "user": asked.get("user") or "daytona",
            "env": asked.get("env") or {},
            "labels": asked.get("labels") or {},
            "public": False,
            "networkBlockAll": False,
            "target": asked.get("target") or "local",
            "cpu": 1,
            "gpu": 0,
            "memory": 1,
            "disk": 3,
            "state": state,
            "toolboxProxyUrl": f"{self.root_url}/toolbox",
        }

    async def _config(self, request: Request) -> Response:
        return JSONResponse({"version": "tests", "proxyToolboxUrl": f"{self.root_url}/toolbox"})

    async def _create(self, request: Request) -> Response:
        identifier = f"sandbox-{uuid.uuid4().hex[:12]}"
        directory = Path(self._root.name).resolve() / identifier
        directory.mkdir()
        sandbox = Sandbox(identifier, directory, await request.json())
        self.sandboxes[identifier] = sandbox
        return JSONResponse(self._describe(sandbox))

    async def _list(self, request: Request) -> Response:
        return JSONResponse([self._describe(one) for one in self.sandboxes.values()])

    async def _list_page(self, request: Request) -> Response:
        items = [self._describe(one) for one in self.sandboxes.values()]
        return JSONResponse({"items": items, "total": len(items), "page": 1, "totalPages": 1})

    async def _get(self, request: Request) -> Response:
        return JSONResponse(self._describe(self._sandbox(request)))

    async def _delete(self, request: Request) -> Response:
        sandbox = self._sandbox(request)
        _kill(sandbox)
        shutil.rmtree(sandbox.directory)
        del self.sandboxes[sandbox.id]
        self.deleted.append(sandbox)
        return JSONResponse(self._describe(sandbox, "destroyed"))

    async def _toolbox_url(self, request: Request) -> Response:
        return JSONResponse({"url": f"{self.root_url}/toolbox"})

    async def _directory(self, request: Request) -> Response:
        return JSONResponse({"dir": str(self._sandbox(request).directory)})

    def _file(self, request: Request, parameter: str = "path", default: str | None = None) -> Path:
        given = request.query_params.get(parameter, default)
        if given is None:
            raise HTTPException(400, f"{parameter} is required")
        return self._sandbox(request).path(given)

    def _existing(
        self, request: Request, parameter: str = "path", default: str | None = None
    ) -> Path:
        path = self._file(request, parameter, default)
        if not path.exists():
            raise HTTPException(404, f"stat {path}: no such file or directory")
        return path

    async def _list_files(self, request: Request) -> Response:
        path = self._existing(request, default=".")
        if not path.is_dir():
            raise HTTPException(400, f"{path} is not a directory")
        return JSONResponse([_file_info(one) for one in sorted(path.iterdir())])

    async def _file_info(self, request: Request) -> Response:
        return JSONResponse(_file_info(self._existing(request)))

    async def _delete_file(self, request: Request) -> Response:
        path = self._existing(request)
        if path.is_dir():
            if request.query_params.get("recursive", "").lower() != "true":
                raise HTTPException(400, "cannot delete a directory without recursive")
            shutil.rmtree(path)
        else:
            path.unlink()
        return Response(status_code=204)

    async def _make_folder(self, request: Request) -> Response:
        self._file(request).mkdir(parents=True, exist_ok=True)
        return Response(status_code=201)

    async def _move(self, request: Request) -> Response:
        self._existing(request, "source").rename(self._file(request, "destination"))
        return Response(status_code=200)

    async def _search(self, request: Request) -> Response:
        """File names by pattern."""
        pattern = request.query_params["pattern"]
        found = [
            str(one)
            for one in sorted(self._existing(request).rglob("*"))
            if fnmatch.fnmatchcase(one.name, pattern)
        ]
        return JSONResponse({"files": found})

    async def _find(self, request: Request) -> Response:
        """Lines by text."""
        pattern = request.query_params["pattern"]
        path = self._existing(request)
        files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        return JSONResponse(
            [
                {"file": str(one), "line": number, "content": line}
                for one in files
                for number, line in enumerate(one.read_text("utf-8", "replace").splitlines(), 1)
                if pattern in line
            ]
        )

    async def _download(self, request: Request) -> Response:
        path = self._existing(request)
        self._sandbox(request).downloads.append(str(path))
        return Response(path.read_bytes(), media_type="application/octet-stream")

    async def _bulk_download(self, request: Request) -> Response:
        sandbox = self._sandbox(request)
        body = b""
        for given in (await request.json())["paths"]:
            path = sandbox.path(given)
            sandbox.downloads.append(given)
            if path.is_file():
                name, content = "file", path.read_bytes()
            else:
                name, content = "error", f"file not found: {given}".encode()
            head = (
                f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; '
                f'filename="{given}"\r\nContent-Type: application/octet-stream\r\n\r\n'
            )
            body += head.encode() + content + b"\r\n"
        body += f"--{_BOUNDARY}--\r\n".encode()
        # Not media_type: Starlette would add a charset, and the SDK compares the type exactly.
        return Response(
            body, headers={"content-type": f"multipart/form-data; boundary={_BOUNDARY}"}
        )

    async def _bulk_upload(self, request: Request) -> Response:
        sandbox = self._sandbox(request)
        form = await request.form()
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                path = sandbox.path(str(form[name.removesuffix(".file") + ".path"]))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(await value.read())
        return Response(status_code=200)

    async def _execute(self, request: Request) -> Response:
        sandbox = self._sandbox(request)
        asked = await request.json()
        sandbox.commands.append(asked["command"])
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", asked["command"]),
            cwd=sandbox.path(asked.get("cwd") or "."),
            env={
                "PATH": os.defpath,
                "HOME": str(sandbox.directory),
                **(sandbox.request.get("env") or {}),
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        sandbox.running.add(process)
        try:
            output, _ = await asyncio.wait_for(
                process.communicate(), asked.get("timeout") or _DEFAULT_COMMAND_TIMEOUT_S
            )
        except TimeoutError:
            raise HTTPException(408, "command execution timeout") from None
        finally:
            _kill_group(process)
            sandbox.running.discard(process)
        return JSONResponse(
            {"exitCode": process.returncode, "result": output.decode("utf-8", "replace")}
        )


async def _failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(
        {"statusCode": error.status_code, "message": error.detail, "path": request.url.path},
        status_code=error.status_code,
    )


def _kill(sandbox: Sandbox) -> None:
    for process in list(sandbox.running):
        _kill_group(process)


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _file_info(path: Path) -> dict[str, Any]:
    about = path.stat()
    return {
        "name": path.name,
        "isDir": path.is_dir(),
        "size": about.st_size,
        "modTime": datetime.fromtimestamp(about.st_mtime, UTC).isoformat(),
        "mode": stat.filemode(about.st_mode),
        "permissions": f"{stat.S_IMODE(about.st_mode):04o}",
        "owner": str(about.st_uid),
        "group": str(about.st_gid),
    }
