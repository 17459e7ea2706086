# mypy: ignore-errors


def _pyi_left_out(table, target):
    """An import that fails because the build left the module out says so in a note on its error.

    The error is raised where importlib would raise it a moment later, with the same text: only the note is new. An
    import that succeeds pays one call. ``importlib.util.find_spec``, which asks the same function, is answered as ever.
    """
    import _frozen_importlib
    import sys

    unpacked = {}

    def note(name):
        if not unpacked:
            import zlib

            rows = zlib.decompress(table).decode().split("\n")
            unpacked.update(dict(row.split("\t") for row in rows))
        origin = unpacked.get(name)
        if origin is None:
            return None
        if origin == "-":
            return f"The field excludes of {target} leaves {name} out of this program: take it out of excludes."
        where = f"the lock ({origin})" if origin else "the standard library"
        return (
            f"{name} is in {where}, but not in this program: nothing that the build saw imports it. "
            f'Add hidden_imports=["{name}"] to {target}.'
        )

    def _find_spec(name, path, target=None):
        spec = find(name, path, target)
        if spec is None and sys._getframe(1).f_code is asker:
            text = note(name)
            if text is not None:
                error = ModuleNotFoundError(f"No module named {name!r}", name=name)
                error.add_note(text)
                raise error
        return spec

    find = _frozen_importlib._find_spec
    asker = _frozen_importlib._find_and_load_unlocked.__code__
    # Tracebacks leave the frames of this file out.
    _find_spec.__code__ = _find_spec.__code__.replace(co_filename=asker.co_filename)
    _frozen_importlib._find_spec = _find_spec
