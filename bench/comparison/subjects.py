"""The subjects of remote cache measurements: generated monorepos, and this repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from comparison.workspaces import CHANGED_MODULE
from support import monorepo
from support.clones import REPOSITORY, clone

_CHANGE: Final = "CHANGED_BY_BENCHMARK = 1\n"


class Subject(Protocol):
    """A kind of monorepo. binary: the first service's executable, below `dist`."""

    @property
    def title(self) -> str: ...

    @property
    def kind(self) -> str:
        """Subjects of one kind differ only in their number of services."""

    @property
    def services(self) -> int: ...

    @property
    def binary(self) -> str: ...

    def make(self, root: Path) -> None:
        """Write the monorepo to `root`, which must not exist."""

    def change_line(self, root: Path) -> None:
        """Add a line to the first service."""


@dataclass(frozen=True)
class Generated:
    """`services` over `locks` small locks."""

    services: int
    locks: int

    binary = "services.service_0/service-0"

    @property
    def kind(self) -> str:
        return f"{self.locks} small locks"

    @property
    def title(self) -> str:
        return f"{self.services} services, {self.kind}"

    def make(self, root: Path) -> None:
        monorepo.make(REPOSITORY, root, self.services, self.locks)

    def change_line(self, root: Path) -> None:
        _append(root / "services/service_0/main.py")


@dataclass(frozen=True)
class ThisRepository:
    """A clone of `commit`, in which agent-runner is the first of `services` over its lock."""

    services: int
    commit: str

    binary = "backend.services.agent-runner/agent-runner"
    kind = "agent-runner"

    @property
    def title(self) -> str:
        further = self.services - 1
        return f"{self.kind} and {further} more over its lock" if further else self.kind

    def make(self, root: Path) -> None:
        clone(self.commit, root)
        monorepo.add_services(
            root / "backend/services",
            [
                monorepo.Service(f"further_{number}", "agent-runner", monorepo.DISTRIBUTIONS[:2])
                for number in range(1, self.services)
            ],
        )

    def change_line(self, root: Path) -> None:
        _append(root / CHANGED_MODULE)


def _append(module: Path) -> None:
    with module.open("a") as file:
        file.write(_CHANGE)
