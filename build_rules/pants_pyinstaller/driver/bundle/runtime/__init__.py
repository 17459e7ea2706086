"""Code that runs inside every executable before the program's own.

Each function below gives the text of a script. The texts are kept as Python files beside this one: each defines one
function and imports nothing at its top, since the bootloader runs scripts in ``__main__``, where nothing may be left.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL 6 and newer
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL 7 and newer, Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE, SLES
    "/etc/ssl/cert.pem",  # Alpine, macOS, BSD
    "/etc/pki/tls/cacert.pem",  # OpenELEC
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD
)
"""Where distributions keep the bundle of trusted certificates (the list that Go's crypto/x509 and openssl-probe
use)."""


_GLOBALS = "{'__name__': '__main__', '__builtins__': __builtins__}"


def hook(
    constants: Mapping[str, str],
    one_file: bool,
    packed: Packed | None = None,
    left_out: bytes = b"",
    target: str = "",
) -> str:
    """Text of the runtime hook that every executable runs first.

    :param constants: ``ca_file`` and ``ca_path``: what OpenSSL of the building interpreter has compiled in.
    :param packed: native files of a one-file executable that are unpacked when they are needed.
    :param left_out: modules that errors explain (``left_out.table``).
    :param target: the address of the target, which they name.
    """
    text = ""
    if packed is not None and packed.decompressor:
        text = _call("decompressing", packed.decompressor, packed.dictionary)
    text += _call(
        "surroundings", constants.get("ca_file", ""), constants.get("ca_path", ""), CA_FILES
    )
    text += _call("ending")
    if packed is not None:
        if packed.files:
            text += _call("unpacking", packed.modules, packed.files, packed.early)
        text += _call("outliving", packed.modules, packed.files, packed.library)
    text += _call("processes", one_file) + _call("sources", one_file)
    if left_out:
        text += _call("left_out", left_out, f"the target {target}" if target else "the target")
    return text + _call("importing")


def start(file: str, module: str = "", script: bool = False, one_file: bool = False) -> str:
    """Text of the script that runs directly before the entry script.

    :param file: ``__main__.__file__``, below the bundle's directory.
    :param module: the module whose code the entry script is; "" for other scripts.
    :param script: children of multiprocessing execute the entry script, which the PYZ holds as ``__mp_main__``.
    """
    return _call("starting", file, module, script, one_file)


def apart(code: bytes) -> str:
    """Text of a script that runs a hook of PyInstaller's.

    The bootloader runs all scripts in ``__main__``. A hook that leaves a function somewhere (``inspect``, ``pkgutil``)
    would keep its globals, the program's then, until the interpreter ends, too late for what deletes its objects to
    do anything. So each hook gets globals apart, as ours do in ``_call``.

    :param code: marshalled.
    """
    return f"exec(__import__('marshal').loads({code!r}), {_GLOBALS})\n"


class Packed:
    """What stays packed.

    :param modules: extension module -> files to unpack, its own last.
    :param files: destination -> offset from the PYZ's start, length of its stream and bytes once unpacked.
    :param early: first-party module -> extension modules that importing it imports, the largest first.
    :param library: of base_library.zip, the same as in ``files``.
    :param decompressor: the extension module that reads Zstandard frames; None: all streams are zlib's.
    :param dictionary: of the modules' code, the same as in ``files``; None: their streams are zlib's.
    """

    def __init__(
        self,
        modules: Mapping[str, Sequence[str]],
        files: Mapping[str, tuple[int, int, int]],
        early: Mapping[str, Sequence[str]],
        library: tuple[int, int, int],
        decompressor: str | None = None,
        dictionary: tuple[int, int, int] | None = None,
    ) -> None:
        self.modules, self.files, self.early = dict(modules), dict(files), dict(early)
        self.library, self.decompressor, self.dictionary = library, decompressor, dictionary


def _call(name: str, *arguments: object) -> str:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    values = ", ".join(repr(argument) for argument in arguments)
    call = f"type(_pyi_{name})(_pyi_{name}.__code__, {_GLOBALS})({values})"
    return f"{text}\n\n{call}\ndel _pyi_{name}\n"
