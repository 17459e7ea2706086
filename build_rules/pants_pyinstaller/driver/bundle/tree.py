"""The files of a bundle as a directory: copied for users, linked for proofs."""

from __future__ import annotations

import os
import shutil
import stat

from .. import contract
from . import archive
from .contents import Layers


def write(layers: Layers, directory: str, build_info: bytes | None) -> None:
    """Write the files of a one-dir bundle below ``directory``, as copies with fixed modes."""
    make_folders(layers, directory)
    places = {
        dest: layers.path_of(dest)
        for dest in layers.chosen.files
        if layers.layer.files[dest].kind != "symlink"
    }
    places.update({dest: layers.own_path(dest) for dest in layers.app.files})
    for dest, source in places.items():
        target = os.path.join(directory, *dest.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        os.chmod(target, 0o755 if os.stat(source).st_mode & stat.S_IXUSR else 0o644)
    for dest in layers.chosen.files:
        item = layers.layer.files[dest]
        if item.kind == "symlink":
            target = os.path.join(directory, *dest.split("/"))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(item.target, target)
    _write_links(layers, directory)
    if build_info is not None:
        with open(os.path.join(directory, contract.BUILD_INFO), "wb") as out:
            out.write(build_info)
        os.chmod(os.path.join(directory, contract.BUILD_INFO), 0o644)


def make_folders(layers: Layers, directory: str) -> None:
    """Make the directories that modules of the PYZ say they lie in: code looks for files beside its caller's."""
    kinds = {item.name: item.kind for item in layers.app.modules}
    for name in layers.chosen.modules:
        kinds.setdefault(name, layers.layer.nodes[layers.layer.number[name]].kind)
    folders = {
        name if kind != "module" else name.rpartition(".")[0]
        for name, kind in kinds.items()
        if kind in archive.PYZ_KINDS
    }
    for folder in folders:
        os.makedirs(os.path.join(directory, *folder.split(".")), exist_ok=True)


def stage(layers: Layers, directory: str) -> None:
    """Make a one-dir bundle's files below ``directory`` without copying: hard links, else copies.

    Hard links rather than symbolic ones: a program that resolves its `__file__` must not end up in the layer, which
    holds files that the bundle lacks.
    """
    make_folders(layers, directory)
    made: set[str] = set()
    for dest in layers.chosen.files:
        item = layers.layer.files[dest]
        target = os.path.join(directory, *dest.split("/"))
        _parent(target, made)
        if item.kind == "symlink":
            os.symlink(item.target, target)
        else:
            link(layers.path_of(dest), target)
    for dest in layers.app.files:
        target = os.path.join(directory, *dest.split("/"))
        _parent(target, made)
        if os.path.lexists(target):
            os.unlink(target)
        link(layers.own_path(dest), target)
    _write_links(layers, directory)


def _write_links(layers: Layers, directory: str) -> None:
    """Make the symbolic links among the application's files."""
    for dest, target in layers.app.links.items():
        path = os.path.join(directory, *dest.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)


def _parent(path: str, made: set[str]) -> None:
    folder = os.path.dirname(path)
    if folder not in made:
        os.makedirs(folder, exist_ok=True)
        made.add(folder)


def link(source: str, target: str) -> None:
    """A hard link to ``source``, or a copy where the file system refuses one.

    Always a copy on Windows, where no name of a read-only file can be removed, and inputs are read-only.
    """
    if os.name == "nt":
        shutil.copyfile(source, target)
        return
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
