"""Outcomes of earlier exercises, which hold as long as nothing changes that those runs executed.

While exercises run, the first-party functions that are called are written down, on both sides and in every process.
The application reduced to these (``analysis.reduction``) is the part of it that the outcome can depend on. So outcomes
are kept in the cache directory under two keys: one of everything else that the runs depend on leads to the sets of
functions that were executed; that key, with the application reduced to such a set, to an outcome.

Where code was executed that cannot be seen (another interpreter in the process), nothing is kept. A source that was
read as data counts as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping

from .. import contract, outputs
from ..analysis import compiled, reduction
from . import view

_KIND = "exercises"
_SETS = 8
"""Sets of functions that are kept for one key: exercises run differently from time to time."""

UNSEEN = "unseen"
"""What a recorder notes in place of a function where it cannot see what is executed."""


class Known:
    """What is known of the exercises of a request."""

    def __init__(self, request: contract.ExerciseRequest) -> None:
        self.request = request
        self.usable = bool(request.cache and request.inputs and hasattr(sys, "monitoring"))
        self.files: dict[str, str] = {}
        self.rest = ""
        if self.usable:
            self.files = view.sources(request.source_roots)
            self.rest = self._rest()

    def _rest(self) -> str:
        """The key of everything but what functions do."""
        request = self.request
        app = outputs.read_app(request.app)
        with open(os.path.join(request.app, contract.APP_MODULES), "rb") as file:
            code = file.read()
        scripts = {
            name: code[offset : offset + length]
            for name, (offset, length) in app.scripts.items()
            if name != "entry"
            or app.entry.script  # of which multiprocessing's children have a copy
        }
        for module in app.modules:
            module.offset = module.length = 0
        app.scripts = {}
        state = hashlib.sha256(request.to_json().encode())
        state.update(repr((app, sorted(scripts.items()))).encode())
        places = [
            *((dest, path) for dest, path in self.files.items() if not dest.endswith(".py")),
            *view.sources([os.path.join(request.app, contract.APP_FILES)]).items(),
            *view.sources([request.check]).items(),
            *view.sources(request.exercise_roots).items(),
        ]
        for dest, path in places:
            state.update(f"\0{dest}\0{_hash(path)}".encode())
        return state.hexdigest()

    def find(self) -> Mapping[str, str] | None:
        """The files of an outcome that holds: name -> text."""
        for executed in self._sets():
            content = compiled.read_entry(self.request.cache, _KIND, self._key(executed))
            if content is not None:
                found: dict[str, str] = json.loads(content)
                return found
        return None

    def keep(self, functions: Iterable[str], directory: str, names: Iterable[str]) -> None:
        """Keep an outcome.

        :param functions: what the recorders noted; see ``exercise_recorder``.
        :param directory: where the files called ``names`` are.
        """
        noted = set(functions)
        if not self.usable or UNSEEN in noted:
            return
        executed = self._identities(noted)
        found = {}
        for name in names:
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                found[name] = file.read()
        cache = self.request.cache
        compiled.write_entry(cache, _KIND, self._key(executed), json.dumps(found).encode())
        sets = [executed, *(item for item in self._sets() if item != executed)][:_SETS]
        compiled.write_entry(cache, _KIND, self.rest, json.dumps(sets).encode())

    def _sets(self) -> list[list[str]]:
        content = compiled.read_entry(self.request.cache, _KIND, self.rest) if self.usable else None
        found: list[list[str]] = json.loads(content) if content is not None else []
        return found

    def _identities(self, noted: set[str]) -> list[str]:
        """Functions (``path:name:line``) and sources (``path``) as a reduction calls them."""
        by_place: dict[str, str] = {}
        for dest, path in self.files.items():
            if dest.endswith(".py"):
                with open(path, "rb") as file:
                    text = file.read()
                try:
                    units = reduction.parse(dest, text).units
                except (SyntaxError, ValueError, RecursionError):
                    continue
                for unit in units:
                    by_place[f"{dest}:{unit.node.name}:{unit.line}"] = unit.identity
        found = {by_place[item] for item in noted if item in by_place}
        return sorted(found | {item for item in noted if item in self.files})

    def _key(self, executed: Iterable[str]) -> str:
        kept = set(executed)
        texts = dict(view.reduced(self.files.items(), kept))
        state = hashlib.sha256(self.rest.encode())
        for dest, path in sorted(self.files.items()):
            text = texts.get(dest) if dest not in kept else None
            state.update(f"\0{dest}\0{_hash(path) if text is None else text}".encode())
        return state.hexdigest()


def _hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
