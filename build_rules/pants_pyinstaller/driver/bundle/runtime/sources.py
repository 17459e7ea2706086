# mypy: ignore-errors


def _pyi_sources(one_file):
    """Code says where it lies as unfrozen code does: an absolute path, in a directory that exists."""
    import _imp
    import os
    import sys

    import pyimod02_importers  # pants: no-infer-dep

    root = sys._MEIPASS
    known = {root}
    get_code = pyimod02_importers.PyiFrozenLoader.get_code

    def make(folder):
        if folder not in known and folder.startswith(root):
            known.add(folder)
            try:
                os.mkdir(folder)
            except FileNotFoundError:
                parent = os.path.dirname(folder)
                if parent != root:  # which is gone when the program outlived its bootloader
                    make(parent)
                    try:
                        os.mkdir(folder)
                    except OSError:
                        pass
            except OSError:
                pass

    def get_code_in_place(self, fullname):
        code = get_code(self, fullname)
        if code is not None:
            _imp._fix_co_filename(code, self.path)
            if one_file:  # in a one-dir bundle they are there
                make(os.path.dirname(self.path))
        return code

    get_code_in_place.__name__ = get_code_in_place.__qualname__ = "get_code"
    pyimod02_importers.PyiFrozenLoader.get_code = get_code_in_place
