# mypy: ignore-errors


def _pyi_outliving(modules, files, library):
    """A program that forks into the background goes on when the bootloader has removed the bundle.

    What it still imports of the standard library's archive, and the native modules that were left packed, are unpacked
    to a directory of their own for the moment of loading.
    """
    import _frozen_importlib
    import _imp
    import os
    import sys
    import zipimport
    from _frozen_importlib_external import ExtensionFileLoader

    from pyimod01_archive import zlib  # pants: no-infer-dep
    from pyimod02_importers import pyz_archive  # pants: no-infer-dep

    open_file = open
    root = sys._MEIPASS

    class Unpacked:
        """Files in a new directory, by base name."""

        def __init__(self, dests):
            self.folder, number = f"{root}-{os.getpid()}", 0
            while True:
                try:
                    os.mkdir(self.folder, 0o700)
                    break
                except FileExistsError:
                    number += 1
                    self.folder = f"{root}-{os.getpid()}-{number}"
            self.dests, self.paths = dests, []

        def __enter__(self):
            for dest in self.dests:
                path = os.path.join(self.folder, dest.rpartition("/")[2])
                self.paths.append(path)
                offset, length, size = library if dest == "base_library.zip" else files[dest]
                with open_file(pyz_archive._filename, "rb") as archive:
                    archive.seek(pyz_archive._start_offset + offset)
                    data = zlib.decompress(archive.read(length), bufsize=size)
                with open_file(path, "wb") as file:
                    file.write(data)
            return self.paths

        def __exit__(self, *_):
            for path in self.paths:
                os.unlink(path)
            os.rmdir(self.folder)

    class Loader(ExtensionFileLoader):
        def create_module(self, spec):
            with Unpacked(modules[spec.name]) as paths:
                if len(paths) > 1:
                    import ctypes

                    for path in paths[:-1]:
                        ctypes.CDLL(path)
                return _imp.create_dynamic(
                    _frozen_importlib.ModuleSpec(spec.name, self, origin=paths[-1])
                )

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name not in modules:
                return None
            origin = os.path.join(root, *modules[name][-1].split("/"))
            if os.path.exists(
                origin
            ):  # the directory may be there while its files are being removed
                return None
            spec = _frozen_importlib.ModuleSpec(name, Loader(name, origin), origin=origin)
            spec.has_location = True
            return spec

    create_module = ExtensionFileLoader.create_module

    def create_module_of_program(self, spec):
        try:
            return create_module(self, spec)
        except ImportError:  # its file may have been removed since it was found
            if spec.name not in modules or os.path.exists(spec.origin):
                raise
        return Loader(spec.name, spec.origin).create_module(spec)

    create_module_of_program.__name__ = create_module_of_program.__qualname__ = "create_module"
    if modules:
        sys.meta_path.append(Finder)
        ExtensionFileLoader.create_module = create_module_of_program

    get_code = zipimport.zipimporter.get_code

    def get_code_of_library(self, fullname):
        try:
            return get_code(self, fullname)
        except (ImportError, OSError):
            library_path = os.path.join(root, "base_library.zip")
            if self.archive != library_path or os.path.exists(library_path):
                raise
        with Unpacked(["base_library.zip"]) as paths:
            return get_code(zipimport.zipimporter(paths[0]), fullname)

    get_code_of_library.__name__ = get_code_of_library.__qualname__ = "get_code"
    zipimport.zipimporter.get_code = get_code_of_library
