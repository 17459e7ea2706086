"""A small monorepo with our backend: N services, each a `pyinstaller_binary`, over M locks.

The launcher, its locks and the backend are this repository's own; a lock's pins are taken from
agent-runner's, so that every wheel that is installed is one that this repository uses anyway.
"""

from __future__ import annotations

import itertools
import random
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LAUNCHER: Final = (
    *("pants", "build_support/bootstrap.py"),
    *(f"3rdparty/python/{name}.lock" for name in ("pants", "pex", "uv", "pyinstaller")),
)
_BACKENDS: Final = (Path("build_rules/pants_pyinstaller"), Path("build_rules/cache_report"))

DISTRIBUTIONS: Final = (
    *("certifi", "idna", "h11", "sniffio", "packaging", "attrs", "tenacity", "python-dotenv"),
    *("annotated-types", "typing-extensions"),
)
"""Small distributions without requirements, from which locks are combined."""

_MODULES: Final = {
    "attrs": "attr",
    "python-dotenv": "dotenv",
    "annotated-types": "annotated_types",
    "typing-extensions": "typing_extensions",
}

_PANTS_TOML: Final = """\
[GLOBAL]
pants_version = "2.17.1"
pythonpath = ["%(buildroot)s/build_rules"]
backend_packages = ["pants.backend.python", "pants_pyinstaller", "cache_report"]
pants_ignore = ["/.*/", "/dist/", "__pycache__", "/build_rules/"]
dynamic_ui = false
colors = false

[anonymous-telemetry]
enabled = false

[source]
root_patterns = ["/services"]

[python]
interpreter_versions_universe = ["3.9", "3.10", "3.11", "3.12", "3.13"]
interpreter_constraints = ["CPython==3.13.*"]
enable_resolves = true
default_resolve = "lock-0"
pip_version = "latest"
invalid_lockfile_behavior = "ignore"

[python.resolves]
pyinstaller = "3rdparty/python/pyinstaller.lock"
uv = "3rdparty/python/uv.lock"
{resolves}

[python-infer]
use_rust_parser = true

[pyinstaller-uv]
install_from_resolve = "uv"

[cache-report]
enabled = true
"""


def pin(lock: str, name: str) -> str:
    """The entry of one distribution in the text of a lock. Raises LookupError if it has none."""
    block = re.search(rf"^{re.escape(name)}==[^\n]*\n(?:[ \t]+--hash=[^\n]*\n)+", lock, re.M)
    if block is None:
        raise LookupError(f"the lock pins no {name}")
    return block[0]


def combinations() -> Iterator[tuple[str, ...]]:
    """Different sets of distributions, the small ones first; enough for 600 locks."""
    for size in range(2, 6):
        yield from itertools.combinations(DISTRIBUTIONS, size)


@dataclass(frozen=True)
class Service:
    """A program in a folder `name`, over `resolve`, that imports `distributions`.

    data_bytes: size of a file that it carries, which does not compress.
    """

    name: str
    resolve: str
    distributions: tuple[str, ...]
    data_bytes: int = 0

    @property
    def binary(self) -> str:
        return self.name.replace("_", "-")


def service_files(service: Service) -> dict[str, str]:
    """The service's files, by path below its folder. Pure."""
    modules = [_MODULES.get(name, name.replace("-", "_")) for name in service.distributions]
    imports = "".join(f"import {module}  # pants: no-infer-dep\n" for module in modules)
    names = ", ".join([repr(service.name), *(f"{module}.__name__" for module in modules)])
    resources = 'resources(name="data", sources=["data.bin"])\n' if service.data_bytes else ""
    dependencies = 'dependencies=[":data"], ' if service.data_bytes else ""
    return {
        "__init__.py": "",
        "main.py": f"{imports}\n\ndef main() -> None:\n    print({names})\n",
        "BUILD": (
            f'python_sources({dependencies}resolve="{service.resolve}")\n'
            f'pyinstaller_binary(name="{service.binary}", resolve="{service.resolve}",\n'
            f'    entry_point="{service.name}.main:main")\n{resources}'
        ),
    }


def add_services(folder: Path, services: Iterable[Service]) -> None:
    """Write each service to a folder of its name below `folder`, a source root."""
    for service in services:
        place = folder / service.name
        place.mkdir(parents=True)
        for path, text in service_files(service).items():
            (place / path).write_text(text)
        if service.data_bytes:
            content = random.Random(service.name).randbytes(service.data_bytes)
            (place / "data.bin").write_bytes(content)


def settings(locks: int, agent_runner_lock: str) -> dict[str, str]:
    """Pants' settings and the locks, by path. Pure."""
    resolves = "\n".join(
        f'lock-{number} = "3rdparty/python/lock-{number}.lock"' for number in range(locks)
    )
    found = {"pants.toml": _PANTS_TOML.format(resolves=resolves)}
    for number, distributions in enumerate(itertools.islice(combinations(), locks)):
        found[f"3rdparty/python/lock-{number}.lock"] = "".join(
            pin(agent_runner_lock, name) for name in sorted(distributions)
        )
    return found


def make(
    repository: Path, folder: Path, services: int = 1, locks: int = 1, *, data_bytes: int = 0
) -> None:
    """Write the monorepo to `folder`, which must be empty or missing.

    data_bytes: what each service carries beside its code.
    """
    for name in _LAUNCHER:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, target)
    for backend in _BACKENDS:
        shutil.copytree(
            repository / backend,
            folder / backend,
            ignore=shutil.ignore_patterns("*_test.py", "conftest.py", "BUILD", "__pycache__"),
        )
    lock = (repository / "3rdparty/python/agent-runner.lock").read_text()
    for path, text in settings(locks, lock).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    chosen = list(itertools.islice(combinations(), locks))
    add_services(
        folder / "services",
        (
            Service(
                f"service_{number}", f"lock-{number % locks}", chosen[number % locks], data_bytes
            )
            for number in range(services)
        ),
    )
