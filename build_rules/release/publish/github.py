"""Releases on GitHub, through the GitHub CLI: `gh` has the account, the host and the proxies."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from release.errors import ReleaseError

_PER_PAGE = 100
_ATTEMPTS = 5
_STATUS = re.compile(r"\(HTTP (\d{3})\)")
_NOT_LOGGED_IN = 4  # gh's exit code for a missing login
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")

T = TypeVar("T")


class GitHubError(ReleaseError):
    """GitHub refused a call or could not be reached; `status` is the HTTP status, None without a
    response."""

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed later."""
        return self.status is None or self.status == 429 or self.status >= 500


@dataclass(frozen=True)
class Asset:
    """A file of a release. GitHub keeps a failed upload as an asset that is not `uploaded`."""

    id: int
    name: str
    size: int
    uploaded: bool


@dataclass(frozen=True)
class Release:
    id: int
    tag: str
    draft: bool
    prerelease: bool
    url: str
    upload_url: str
    assets: tuple[Asset, ...]


def _release(data: dict[str, Any]) -> Release:
    return Release(
        id=data["id"],
        tag=data["tag_name"],
        draft=data["draft"],
        prerelease=data["prerelease"],
        url=data["html_url"],
        # A URI template, of which only the parameter `name` is used.
        upload_url=data["upload_url"].partition("{")[0],
        assets=tuple(
            Asset(a["id"], a["name"], a["size"], a["state"] == "uploaded") for a in data["assets"]
        ),
    )


class GitHub:
    """The releases of one repository.

    Idempotent calls are repeated for a limited time if no response comes. Raises GitHubError.
    """

    def __init__(
        self, repository: str, *, gh: str = "gh", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        if not _REPOSITORY.fullmatch(repository):
            raise ReleaseError(f"{repository!r} is no repository: write it as OWNER/NAME")
        self.repository = repository
        self._gh = gh
        self._sleep = sleep

    def _call(
        self,
        method: str,
        endpoint: str,
        *,
        fields: dict[str, Any] | None = None,
        file: Path | None = None,
        headers: tuple[str, ...] = (),
        output: Path | None = None,
    ) -> str:
        """Send one request; returns the response's text, or nothing if it is written to
        `output`."""
        command = [self._gh, "api", "--method", method]
        for header in (*headers, "X-GitHub-Api-Version: 2022-11-28"):
            command += ["--header", header]
        if file is not None:
            command += ["--input", str(file)]
        elif fields is not None:
            command += ["--input", "-"]
        command.append(endpoint)
        content = b"" if fields is None else json.dumps(fields).encode()
        try:
            if output is None:
                done = subprocess.run(command, input=content, capture_output=True, check=False)
            else:
                with output.open("wb") as sink:
                    done = subprocess.run(
                        command, input=content, stdout=sink, stderr=subprocess.PIPE, check=False
                    )
        except OSError as error:
            raise ReleaseError(
                f"the GitHub CLI `{self._gh}` cannot be started ({error.strerror}): install it, "
                "e.g. `apt-get install gh` or `brew install gh`"
            ) from error
        if done.returncode == 0:
            return "" if done.stdout is None else done.stdout.decode()
        message = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        if done.returncode == _NOT_LOGGED_IN:
            raise ReleaseError(
                "the GitHub CLI is not logged in: run `gh auth login`, or set GH_TOKEN to a token "
                f"that may write the contents of {self.repository}"
            )
        status = _STATUS.search(message)
        details = "" if done.stdout is None else _details(done.stdout)
        raise GitHubError(
            f"{method} {endpoint}: {message}{details}", int(status[1]) if status else None
        )

    def _patiently(self, call: Callable[[], T]) -> T:
        """Repeat an idempotent call, with growing pauses, while its error may be temporary."""
        for attempt in range(_ATTEMPTS - 1):
            try:
                return call()
            except GitHubError as error:
                if not error.may_pass:
                    raise
                self._sleep(2.0**attempt)
        return call()

    def _get(self, endpoint: str) -> Any:
        text = self._patiently(lambda: self._call("GET", endpoint))
        try:
            return json.loads(text)
        except ValueError as error:
            raise GitHubError(f"GET {endpoint}: the answer is no JSON", None) from error

    def tag_commit(self, tag: str) -> str | None:
        """The commit that a tag points to on GitHub; None if there is no such tag."""
        endpoint = f"repos/{self.repository}/commits/tags/{tag}"
        try:
            return str(self._get(endpoint)["sha"])
        except GitHubError as error:
            if error.status in (404, 422):
                return None
            raise

    def releases_of(self, tag: str) -> list[Release]:
        """Every release of a tag, including drafts: GitHub allows several drafts for one tag."""
        found: list[Release] = []
        page = 1
        while True:
            endpoint = f"repos/{self.repository}/releases?per_page={_PER_PAGE}&page={page}"
            answer = self._get(endpoint)
            found += [_release(data) for data in answer if data["tag_name"] == tag]
            if len(answer) < _PER_PAGE:
                return found
            page += 1

    def read(self, release: Release) -> Release:
        return _release(self._get(f"repos/{self.repository}/releases/{release.id}"))

    def create_draft(self, tag: str, *, name: str, body: str, prerelease: bool) -> Release:
        """Create a draft. Not repeated: after a lost response the draft may exist."""
        fields = {
            "tag_name": tag,
            "name": name,
            "body": body,
            "draft": True,
            "prerelease": prerelease,
        }
        answer = self._call("POST", f"repos/{self.repository}/releases", fields=fields)
        return _release(json.loads(answer))

    def update(self, release: Release, **fields: Any) -> Release:
        endpoint = f"repos/{self.repository}/releases/{release.id}"
        answer = self._patiently(lambda: self._call("PATCH", endpoint, fields=fields))
        return _release(json.loads(answer))

    def upload(self, release: Release, file: Path, content_type: str) -> None:
        """Upload once. If this fails, the caller looks at the release again."""
        self._call(
            "POST",
            f"{release.upload_url}?name={file.name}",
            file=file,
            headers=(f"Content-Type: {content_type}",),
        )

    def download(self, asset: Asset, target: Path) -> None:
        endpoint = f"repos/{self.repository}/releases/assets/{asset.id}"
        accept = ("Accept: application/octet-stream",)
        self._patiently(lambda: self._call("GET", endpoint, headers=accept, output=target))

    def delete_asset(self, asset: Asset) -> None:
        endpoint = f"repos/{self.repository}/releases/assets/{asset.id}"
        try:
            self._patiently(lambda: self._call("DELETE", endpoint))
        except GitHubError as error:
            if error.status != 404:
                raise

    def pause(self, attempt: int) -> None:
        """Wait before the next attempt."""
        self._sleep(2.0**attempt)


def _details(body: bytes) -> str:
    """The error codes in a response, which `gh` omits from its message."""
    try:
        errors = json.loads(body).get("errors", [])
        codes = [str(error.get("code") or error.get("message")) for error in errors]
    except (ValueError, AttributeError):
        return ""
    return f" [{', '.join(codes)}]" if codes else ""
