# mypy: ignore-errors


def _pyi_decompressing(file, dictionary):
    """PyInstaller's importer, which knows zlib alone, reads Zstandard frames too.

    :param file: of the extension module that knows them; it becomes no module of the program's.
    :param dictionary: offset, length and bytes once unpacked of what code is compressed with, or None.
    """
    import _imp
    import os
    import sys
    import zlib
    from _frozen_importlib import ModuleSpec

    import pyimod01_archive  # pants: no-infer-dep
    from pyimod02_importers import pyz_archive  # pants: no-infer-dep

    path = os.path.join(sys._MEIPASS, *file.split("/"))
    zstd = _imp.create_dynamic(ModuleSpec("_zstd", None, origin=path))
    _imp.exec_dynamic(zstd)
    Decompressor = zstd.ZstdDecompressor
    digested = None
    if dictionary is not None:
        offset, length, _ = dictionary
        with open(pyz_archive._filename, "rb") as archive:
            archive.seek(pyz_archive._start_offset + offset)
            digested = zstd.ZstdDict(
                Decompressor().decompress(archive.read(length))
            ).as_digested_dict

    class Streams:
        """In the place of the module ``zlib``."""

        error = zlib.error

        @staticmethod
        def decompress(data, bufsize=None):
            """Of a file where ``bufsize``, its size, is given; else of code."""
            if data[:4] != b"\x28\xb5\x2f\xfd":
                return zlib.decompress(data)
            return (Decompressor(digested) if bufsize is None else Decompressor()).decompress(data)

    pyimod01_archive.zlib = Streams
