"""Install the pinned Pants and Pex CLI for the `pants` launcher, on any Python 3.8 or newer.

    bootstrap.py HOME    make the installation HOME (a directory named after its inputs' hash)

HOME receives `venv/` (Pants on Python 3.9), `pex` (the Pex CLI as one file, built from its wheel)
and, last of all, `env`: shell assignments that tell the launcher what was installed. A directory
without `env` is an interrupted installation and is made anew. A lock beside HOME serialises
concurrent first starts; the kernel drops it when its holder dies.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LOCKS = Path(__file__).resolve().parent.parent / "3rdparty" / "python"
PEX_PLATFORMS = ("linux_x86_64", "linux_arm64", "macos_x86_64", "macos_arm64")
VERSIONS = (
    "3.9",
    "3.13",
)  # Pants 2.17 runs on the first; agent-runner and the freezer on the second.


class BootstrapError(Exception):
    """What went wrong, and what the user can do about it."""


def say(message: str) -> None:
    print(f"pants launcher: {message}", file=sys.stderr, flush=True)


def run(argv: Sequence[str], doing: str) -> None:
    """Runs a command whose output matters only when it fails."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise BootstrapError(f"{doing} failed (exit {done.returncode}):\n{tail}")


def pyenv_roots(environ: dict[str, str]) -> list[Path]:
    """Where pyenv keeps its versions: $PYENV_ROOT, beside its shims on PATH, ~/.pyenv.

    A shim runs only the versions that are active for the current directory, so the launcher looks
    behind the shims.
    """
    roots = [Path(environ["PYENV_ROOT"])] if environ.get("PYENV_ROOT") else []
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    roots += [folder.parent for folder in folders if folder.name == "shims"]
    if environ.get("HOME"):
        roots.append(Path(environ["HOME"]) / ".pyenv")
    return list(dict.fromkeys(roots))


def candidates(version: str, environ: dict[str, str]) -> Iterator[Path]:
    """Where Python `version` ("3.13") may be: PANTS_PYTHONS, PATH, then pyenv, newest first."""
    name = f"python{version}"
    for variable in ("PANTS_PYTHONS", "PATH"):
        for folder in filter(None, environ.get(variable, "").split(os.pathsep)):
            yield Path(folder) / name
    for root in pyenv_roots(environ):
        found = root.glob(f"versions/{version}.*/bin/{name}")

        def patch(path: Path) -> list[int]:
            return [int(part) for part in path.parts[-3].split(".") if part.isdigit()]

        yield from sorted(found, key=patch, reverse=True)


def real_interpreter(path: Path, version: str) -> Path | None:
    """The interpreter behind `path` (perhaps a shim or a venv's link); None if unusable."""
    if not os.access(path, os.X_OK):
        return None
    program = (
        "import sys, json, venv, ensurepip, ssl, zlib;"
        "print(json.dumps(['%d.%d' % sys.version_info[:2], sys.base_exec_prefix]))"
    )
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=60,
        )
        found, prefix = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None  # it does not run, like a pyenv shim of an inactive version, or it lacks a
        # module
    if found != version:
        return None
    real = Path(prefix) / "bin" / f"python{version}"
    return real if os.access(real, os.X_OK) else path


def find_interpreters(home: Path, environ: dict[str, str]) -> dict[str, Path]:
    """One interpreter for each of VERSIONS; the hash-locked uv supplies what is missing.

    Raises BootstrapError, naming what to install, if neither provides them.
    """
    chosen: dict[str, Path] = {}
    for version in VERSIONS:
        for candidate in candidates(version, environ):
            real = real_interpreter(candidate, version)
            if real is not None:
                chosen[version] = real
                break
    missing = [version for version in VERSIONS if version not in chosen]
    if missing:
        say(f"no usable Python {' and '.join(missing)} on PATH or in pyenv; asking uv for it")
        try:
            chosen.update(install_with_uv(home, missing))
        except BootstrapError as error:
            raise BootstrapError(
                f"Python {' and '.join(missing)} not found (with venv, ensurepip, ssl and zlib).\n"
                "Looked at PANTS_PYTHONS, PATH, pyenv ($PYENV_ROOT, shims on PATH, ~/.pyenv), then tried uv:\n"
                f"  {str(error).strip().splitlines()[-1]}\n"
                "Install it in one of these ways and start ./pants again:\n"
                + "".join(f"  pyenv install {version}\n" for version in missing)
                + "".join(
                    f"  uv python install {version}, then add its bin directory to PATH\n"
                    for version in missing
                )
                + "or name the directory that holds it: PANTS_PYTHONS=/opt/python/bin ./pants ..."
            ) from None
    return chosen


def install_with_uv(home: Path, versions: Sequence[str]) -> dict[str, Path]:
    """Installs interpreters beside `home` by the uv that 3rdparty/python/uv.lock pins."""
    tool, pythons = home.parent / "uv", home.parent / "pythons"
    if not (tool / "bin" / "uv").exists():
        make_venv(Path(sys.executable), tool, LOCKS / "uv.lock")
    uv = str(tool / "bin" / "uv")
    run(
        [uv, "python", "install", "--no-bin", "--install-dir", str(pythons), *versions],
        "uv python install",
    )
    found: dict[str, Path] = {}
    for version in versions:
        for path in sorted(pythons.glob(f"cpython-{version}.*/bin/python{version}"), reverse=True):
            real = real_interpreter(path, version)
            if real is not None:
                found[version] = real
                break
        else:
            raise BootstrapError(f"uv installed no usable Python {version}")
    return found


def make_venv(interpreter: Path, target: Path, lock: Path) -> None:
    """A venv at `target` with exactly what `lock` pins, every file checked against its hash."""
    shutil.rmtree(target, ignore_errors=True)
    run([str(interpreter), "-m", "venv", str(target)], f"making a venv with {interpreter}")
    pip = [str(target / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(
        [*pip, "install", "--require-hashes", "--no-deps", "--prefer-binary", "-r", str(lock)],
        f"installing {lock.name}",
    )


def build_pex(home: Path, interpreter: Path) -> str:
    """Builds the one-file Pex CLI `home/pex` from its wheel; returns its version."""
    lock = LOCKS / "pex.lock"
    scratch = home / "pex-build"
    make_venv(interpreter, scratch / "venv", lock)
    version = next(
        line.split("==")[1].split()[0]
        for line in lock.read_text().splitlines()
        if line.startswith("pex==")
    )
    run(
        [
            str(scratch / "venv" / "bin" / "python"),
            *("-m", "pex", "--pex-root", str(scratch / "root")),
            *("--requirement", str(lock), "--no-transitive", "-c", "pex", "-o", str(home / "pex")),
        ],
        "building the Pex CLI",
    )
    shutil.rmtree(scratch)
    return version


def known_versions(pex: Path, version: str) -> list[str]:
    """Entries of `[pex-cli].known_versions`: version|platform|sha256|size in bytes."""
    content = pex.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return [f"{version}|{platform}|{digest}|{len(content)}" for platform in PEX_PLATFORMS]


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds an advisory lock on `path`; waits for another launcher that holds it."""
    import fcntl

    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("waiting for another first start to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def recorded_interpreters(env: Path) -> list[str]:
    """The two interpreters that an installation's `env` names."""
    lines = shlex.split(env.read_text())
    return [line.split("=", 1)[1] for line in lines if line.startswith("LAUNCHER_PYTHON")]


def install(home: Path, environ: dict[str, str]) -> None:
    """Makes the installation `home`; replaces an interrupted one or one without interpreters."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(home.parent / f"{home.name}.lock"):
        env = home / "env"
        if env.exists() and all(Path(path).exists() for path in recorded_interpreters(env)):
            return  # made by the launcher that held the lock before
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        pythons = find_interpreters(home, environ)
        say(f"installing Pants on {pythons['3.9']} (once; about half a minute)")
        make_venv(pythons["3.9"], home / "venv", LOCKS / "pants.lock")
        say("building the Pex CLI")
        version = build_pex(home, pythons["3.9"])
        lines = {
            "LAUNCHER_PYTHON39": str(pythons["3.9"]),
            "LAUNCHER_PYTHON313": str(pythons["3.13"]),
            "LAUNCHER_PEX_VERSION": version,
            "LAUNCHER_PEX_KNOWN_VERSIONS": json.dumps(known_versions(home / "pex", version)),
        }
        temporary = home / "env.tmp"
        temporary.write_text(
            "".join(f"{name}={shlex.quote(value)}\n" for name, value in lines.items())
        )
        temporary.replace(env)
        say(f"ready: {home}")


def main(argv: Sequence[str]) -> int:
    if len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        install(Path(argv[1]), dict(os.environ))
    except BootstrapError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start begins this installation anew")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
