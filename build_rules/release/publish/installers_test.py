"""install.sh under dash and bash, against a server of archives on loopback.

install.ps1 is made and looked at here; it has to be run on Windows.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from release.checks import verify
from release.checks.verify import ArchiveFacts
from release.errors import ReleaseError
from release.platforms import PLATFORMS, host_platform_name
from release.project import AGENT_RUNNER, NOTICES_NAME
from release.publish.installers import INSTALLER_NAMES, github_downloads, render_installers
from release.testing.stand_ins import write_archive

OLD, NEW = "agent-runner-v1.0.0", "agent-runner-v1.1.0"
SHELLS = ("dash", "bash")

pytestmark = pytest.mark.skipif(
    host_platform_name() != "linux-amd64", reason="its stand-in of a program is for it"
)


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL that it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def _facts(folder: Path, tag: str) -> list[ArchiveFacts]:
    directory, evidence = folder / "release", folder / "evidence"
    for path in (directory, evidence):
        path.mkdir(parents=True)
    for platform in AGENT_RUNNER.platforms:
        write_archive(directory, AGENT_RUNNER, tag, platform, evidence=evidence)
    report = verify.verify(
        directory, AGENT_RUNNER, tag, AGENT_RUNNER.platforms, verify.VerifyOptions(evidence)
    )
    assert report.defects == []
    return report.archives


@dataclass
class Machine:
    """Where a script runs: its shell, its variables and what is installed."""

    shell: str
    home: Path
    served: Path
    url: str
    work: Path

    def publish(self, tag: str) -> Path:
        """Serve a version's archives; returns its installer."""
        folder = self.work / tag
        facts = _facts(folder, tag)
        for path in (folder / "release").iterdir():
            shutil.copyfile(path, self.served / path.name)
        script = folder / "install.sh"
        script.write_text(render_installers(AGENT_RUNNER, tag, self.url, facts)["install.sh"])
        return script

    def run(
        self,
        script: Path,
        *arguments: str,
        code: int = 0,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        path = f"{self.home}/.local/bin:/usr/bin:/bin"
        done = subprocess.run(
            [self.shell, script, *arguments],
            env={"HOME": str(self.home), "PATH": path, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    @property
    def program(self) -> Path:
        return self.home / ".local/bin/agent-runner"

    def version(self) -> str:
        done = subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().strip()

    def files(self) -> list[str]:
        """All that is in the home, leftovers included."""
        return sorted(
            str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()
        )

    def tool(self, name: str, script: str) -> str:
        """A folder that holds a program of this name, and of the real system nothing else."""
        folder = self.work / f"tools-{name}"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        return f"{folder}:/usr/bin:/bin"


INSTALLED = [".local/bin/agent-runner", f".local/share/doc/agent-runner/{NOTICES_NAME}"]


@pytest.fixture(params=SHELLS)
def machine(request: pytest.FixtureRequest, tmp_path: Path, server: tuple[Path, str]) -> Machine:
    shell = shutil.which(request.param, path="/usr/bin:/bin")
    if shell is None:
        pytest.skip(f"there is no {request.param} on this machine")
    home = tmp_path / "home"
    home.mkdir()
    return Machine(shell, home, *server, tmp_path)


def test_install_upgrade_and_uninstall(machine: Machine) -> None:
    old, new = machine.publish(OLD), machine.publish(NEW)
    assert f"installed agent-runner {OLD}" in machine.run(old)
    assert machine.version() == f"agent-runner {OLD}"
    assert machine.files() == INSTALLED
    assert "is installed already" in machine.run(old)
    assert f"upgraded agent-runner from {OLD} to {NEW}" in machine.run(new)
    assert machine.version() == f"agent-runner {NEW}"
    assert machine.files() == INSTALLED
    assert "removed" in machine.run(new, "--uninstall")
    assert machine.files() == []
    assert "is not installed" in machine.run(new, "--uninstall")
    assert "usage:" in machine.run(new, "--no-such", code=2)


def test_a_damaged_download_changes_nothing(machine: Machine) -> None:
    old, new = machine.publish(OLD), machine.publish(NEW)
    machine.run(old)
    archive = machine.served / AGENT_RUNNER.archive(NEW, PLATFORMS["linux-amd64"])
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    printed = machine.run(new, code=1)
    assert "is damaged or is another file: its SHA-256 is" in printed
    assert "nothing was changed" in printed
    assert machine.version() == f"agent-runner {OLD}"
    assert machine.files() == INSTALLED


def test_no_network_changes_nothing(machine: Machine) -> None:
    old, new = machine.publish(OLD), machine.publish(NEW)
    machine.run(old)
    printed = machine.run(new, code=1, variables={"AGENT_RUNNER_DOWNLOADS": "http://127.0.0.1:9"})
    assert "could not be downloaded" in printed
    assert "AGENT_RUNNER_DOWNLOADS" in printed
    assert machine.version() == f"agent-runner {OLD}"
    assert machine.files() == INSTALLED
    (machine.served / AGENT_RUNNER.archive(NEW, PLATFORMS["linux-amd64"])).unlink()
    assert "could not be downloaded" in machine.run(new, code=1)


def test_a_mirror_and_another_place(machine: Machine) -> None:
    script = machine.publish(NEW)
    mirror = machine.served / "mirror"
    mirror.mkdir()
    for path in machine.served.glob("*.tar.gz"):
        path.rename(mirror / path.name)
    prefix = machine.work / "a place"
    variables = {
        "AGENT_RUNNER_DOWNLOADS": f"{machine.url}/mirror",
        "AGENT_RUNNER_PREFIX": str(prefix),
    }
    printed = machine.run(script, variables=variables)
    assert "is not on your PATH" in printed
    assert (prefix / "bin/agent-runner").is_file()
    assert machine.files() == []
    machine.run(script, "--uninstall", variables=variables)
    assert not (prefix / "bin/agent-runner").exists()


def test_wget_where_there_is_no_curl(machine: Machine) -> None:
    if shutil.which("wget", path="/usr/bin:/bin") is None:
        pytest.skip("there is no wget on this machine")
    script = machine.publish(NEW)
    folder = machine.work / "without-curl"
    folder.mkdir()
    for directory in ("/usr/bin", "/bin"):
        for tool in Path(directory).iterdir():
            if tool.name != "curl" and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    machine.run(script, variables={"PATH": str(folder)})
    assert machine.version() == f"agent-runner {NEW}"
    (folder / "wget").unlink()
    machine.run(script, "--uninstall", variables={"PATH": str(folder)})
    assert "neither curl nor wget" in machine.run(script, code=1, variables={"PATH": str(folder)})


@pytest.mark.parametrize(
    ("tool", "script", "message"),
    [
        ("uname", "case $1 in -s) echo FreeBSD;; *) echo x86_64;; esac", "no agent-runner for FreeBSD"),
        ("uname", "case $1 in -s) echo Linux;; *) echo riscv64;; esac", "for a processor riscv64"),
        ("getconf", "echo glibc 2.17", "needs glibc 2.36, and this system has 2.17"),
        ("getconf", "echo glibc 3.1", ""),
    ],
)  # fmt: skip
def test_systems_that_it_does_not_run_on(
    machine: Machine, tool: str, script: str, message: str
) -> None:
    installer = machine.publish(NEW)
    path = machine.tool(tool, script)
    printed = machine.run(installer, code=1 if message else 0, variables={"PATH": path})
    assert message in printed
    assert (machine.files() == []) == bool(message)


def test_musl_is_told_apart(machine: Machine) -> None:
    installer = machine.publish(NEW)
    path = machine.tool("getconf", "exit 1")
    machine.tool("ldd", "echo 'musl libc (x86_64)' >&2; exit 1")
    path = f"{machine.work / 'tools-ldd'}:{path}"
    assert "this system has musl" in machine.run(installer, code=1, variables={"PATH": path})


def test_an_interrupted_run_leaves_nothing(machine: Machine) -> None:
    """A signal during the download, as Ctrl-C sends it."""
    script = machine.publish(NEW)
    marker = machine.work / "downloading"
    path = machine.tool("curl", f"touch '{marker}'; exec sleep 60")
    process = subprocess.Popen(
        [machine.shell, script],
        env={"HOME": str(machine.home), "PATH": path},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) != 0
    assert machine.files() == []
    assert list((machine.home / ".local/bin").iterdir()) == []


def test_a_script_that_breaks_off_does_nothing(machine: Machine) -> None:
    whole = machine.publish(NEW).read_text()
    part = machine.work / "part.sh"
    part.write_text(whole[: whole.rindex("main")])
    machine.run(part)
    assert machine.files() == []


def test_the_scripts_name_every_archive_with_its_digest(tmp_path: Path) -> None:
    facts = _facts(tmp_path, NEW)
    url = github_downloads("owner/name", NEW)
    scripts = render_installers(AGENT_RUNNER, NEW, url, facts)
    assert tuple(scripts) == INSTALLER_NAMES
    for fact in facts:
        script = scripts["install.ps1" if fact.platform.os.name == "windows" else "install.sh"]
        assert (script.count(fact.name), script.count(fact.sha256)) == (1, 1)
    for script in scripts.values():
        assert url in script
        assert "@" not in script.replace("@{", "").replace("@(", "").replace('"$@"', "")
    with pytest.raises(ReleaseError, match="is not a URL"):
        render_installers(AGENT_RUNNER, NEW, "https://host/'; rm -rf /", facts)
