"""The gallery's programs: which there are, and what the table calls them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOM: Final = Path(__file__).resolve().parent
MAIN: Final = "main.py"


@dataclass(frozen=True)
class Entry:
    """One program: programs/NAME/main.py over locks/NAME.lock.

    title: what the table says.
    shown: the distributions whose versions the table shows, the lock's other ones being its company.
    timeout_s: how long everything may take: installing, three builds and four runs.
    data: those of its files and folders that it reads, which a build has to be told of.
    """

    name: str
    title: str
    shown: tuple[str, ...]
    timeout_s: int = 1200
    data: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return ROOM / "programs" / self.name

    @property
    def requirements(self) -> Path:
        return ROOM / "locks" / f"{self.name}.in"

    @property
    def lock(self) -> Path:
        return ROOM / "locks" / f"{self.name}.lock"

    def files(self) -> Iterator[Path]:
        """The program's files, in one order."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path

    def data_files(self) -> list[Path]:
        return [path for path in self.files() if self._is_data(path.relative_to(self.folder))]

    def _is_data(self, path: Path) -> bool:
        return any(path == Path(one) or Path(one) in path.parents for one in self.data)

    def digest(self) -> str:
        """Of the program and its lock: a result with another one is out of date."""
        found = hashlib.sha256(self.lock.read_bytes())
        for path in self.files():
            content = path.read_bytes()
            name = path.relative_to(self.folder).as_posix()
            found.update(f"\0{name}\0{len(content)}\0".encode() + content)
        return found.hexdigest()[:16]


# The quick ones first.
ENTRIES: Final = (
    Entry("psutil", "psutil", ("psutil",)),
    Entry("joblib", "joblib", ("joblib",)),
    Entry("rich", "Rich", ("rich",)),
    Entry("pyzmq", "PyZMQ", ("pyzmq",)),
    Entry("keyring", "keyring", ("keyring", "keyrings-alt")),
    Entry("babel", "Babel", ("babel",)),
    Entry("cryptography", "cryptography", ("cryptography",)),
    Entry("lxml", "lxml", ("lxml",)),
    Entry("pillow", "Pillow", ("pillow",)),
    Entry("sqlalchemy", "SQLAlchemy, three dialects", ("sqlalchemy", "psycopg", "pymysql")),
    Entry("flask", "Flask", ("flask",), data=("static", "templates")),
    Entry("gevent", "gevent", ("gevent",)),
    Entry("textual", "Textual", ("textual",), data=("app.tcss",)),
    Entry("tokenizers", "tokenizers", ("tokenizers",)),
    Entry("grpc", "gRPC", ("grpcio", "protobuf")),
    Entry("alembic", "Alembic", ("alembic",), data=("migrations",)),
    Entry("fastapi", "FastAPI, uvicorn with workers", ("fastapi", "uvicorn")),
    Entry("django", "Django", ("django",), data=("notes/templates",)),
    Entry("celery", "Celery", ("celery",)),
    Entry("boto3", "boto3", ("boto3",), 1800),
    Entry("google-cloud-storage", "google-cloud-storage", ("google-cloud-storage",)),
    Entry("numpy", "NumPy", ("numpy",)),
    Entry("pandas", "pandas", ("pandas",), 1800),
    Entry("matplotlib", "Matplotlib", ("matplotlib",), 1800),
    Entry("opencv", "OpenCV, headless", ("opencv-python-headless",), 1800),
    Entry("scipy", "SciPy", ("scipy",), 2400),
    Entry("playwright", "Playwright's driver", ("playwright",), 1800),
    Entry("litellm", "LiteLLM", ("litellm",), 2400),
    Entry("numba", "Numba", ("numba",), 2400),
    Entry("transformers", "Transformers, without models", ("transformers",), 3600),
    Entry("gradio", "Gradio", ("gradio",), 3600),
    Entry("streamlit", "Streamlit", ("streamlit",), 3600, ("scripts",)),
    Entry("chromadb", "Chroma", ("chromadb",), 3600),
)
BY_NAME: Final = {entry.name: entry for entry in ENTRIES}


def named(only: str) -> list[Entry]:
    """The entries with these names, which commas separate.

    Raises SystemExit for a name that there is not.
    """
    names = [name for name in only.split(",") if name]
    unknown = sorted(set(names) - set(BY_NAME))
    if unknown:
        raise SystemExit(
            f"gallery: no program named {', '.join(unknown)}; there are {', '.join(BY_NAME)}"
        )
    return [BY_NAME[name] for name in names]
