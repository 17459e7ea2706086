"""The executable and its sidecars."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile

from . import contract, outputs
from .analysis import conflicts, floors, pyinstaller
from .bundle import archive, chunks, executable, head, manifest, shape, tree
from .bundle.contents import load_layers
from .errors import DriverError
from .progress import step

# What Pants writes of a parametrized target into its default path, `name@field=value`, is allowed too.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=,-]*")


def run(request: contract.AssembleRequest) -> None:
    """Write what ``request`` asks for; see ``contract.AssembleRequest``.

    :raises DriverError: host libraries that the policy forbids, bad options, tools that do not work.
    """
    shape.check_mode(request.mode)
    if not _NAME.fullmatch(request.name):
        raise DriverError(
            f"name: {request.name!r} cannot be a file name: use letters, digits and . _ + - @ = ,"
        )
    if request.contents_directory == os.path.basename(
        contract.executable_path(request.name, request.mode, sys.platform == "win32")
    ):
        raise DriverError(
            f"contents_directory: {request.contents_directory!r} is the name of the executable itself; "
            "choose another one"
        )
    check = outputs.read_check(request.check) if request.check else None
    exercised = outputs.read_exercise(request.exercise) if request.exercise else None
    layers = load_layers(request.layer, request.app, request.site, check, exercised)
    conflicts.refuse_contested(layers.layer, layers.chosen)
    manifest.forbid_host_libraries(layers, request.host_libraries)
    build_info = _build_info(request.build_info)
    windows = sys.platform == "win32"
    one_dir = request.mode == contract.ONE_DIR
    path = os.path.join(
        request.output, contract.executable_path(request.name, request.mode, windows)
    )
    os.makedirs(os.path.dirname(path), exist_ok=True)
    parts = shape.parts(
        layers,
        request.mode,
        request.pack,
        head.options(
            request.python_options,
            optimize=layers.layer.optimize,
            contents=request.contents_directory,
            runtime_tmpdir=request.runtime_tmpdir,
        ),
        early=check.early if check else None,
        build_info=build_info,
    )
    if one_dir:
        contents = os.path.join(os.path.dirname(path), request.contents_directory)
        tree.write(layers, contents, build_info)
    limit = floors.limit(request)
    with tempfile.TemporaryDirectory() as work:
        pkg = os.path.join(work, "bundle.pkg")
        with open(pkg, "wb") as out:
            archive.write_carchive(out, parts, layers.layer.python_library)
        pyinstaller.load(request.tool, None, work)
        floor = floors.enforce(manifest.natives(layers), limit)
        library = os.path.join(request.layer, contract.LAYER_FILES, layers.layer.python_library)
        executable.write(request, pkg, path, library, one_dir)
    made = manifest.manifest(request, layers, path, build_info, floor)
    outputs.write_json(request.output, contract.MANIFEST, made)
    notices = manifest.notices(request, layers)
    outputs.write_json(request.output, contract.NOTICES, notices)
    step(f"assemble: {path}, {os.path.getsize(path) / 1e6:.1f} MB")
    if request.chunks:
        chunks.cut(path, os.path.join(request.output, contract.CHUNKS))
        os.unlink(path)


def _build_info(values: dict[str, str] | None) -> bytes | None:
    if not values:
        return None
    return (json.dumps(dict(sorted(values.items())), indent=1, ensure_ascii=False) + "\n").encode()
