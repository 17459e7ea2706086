# mypy: ignore-errors


def _pyi_unpacking(modules, files, early, open=open):
    import _thread
    import os
    import sys
    import zlib

    import pyimod02_importers

    locks = {}
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=locks.clear)  # whoever held one does not exist there
    root = sys._MEIPASS

    def unpack(dest):
        path = os.path.join(root, *dest.split("/"))
        with locks.setdefault(dest, _thread.RLock()):
            if os.path.exists(path):
                return
            offset, length, size = files[dest]
            archive = pyimod02_importers.pyz_archive
            temporary = path + ".%d" % os.getpid()
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(archive._filename, "rb") as source:
                    source.seek(archive._start_offset + offset)
                    content = zlib.decompress(source.read(length), bufsize=size)
                with open(temporary, "wb") as target:
                    target.write(content)
                os.chmod(temporary, 0o700)
                os.replace(temporary, path)
            except OSError as error:
                try:
                    os.unlink(temporary)
                except OSError:
                    pass
                raise ImportError(
                    "cannot unpack %s (%.1f MB) into %s: %s. Make room there, or let TMPDIR name another directory."
                    % (dest, size / 1e6, root, error.strerror or error)
                ) from error

    def ahead(names):
        for name in names:
            for dest in modules.get(name, ()):
                try:
                    unpack(dest)
                except Exception:
                    return  # the import itself will say it

    class Unpacker:
        """Unpacks an extension module and the libraries that it loads when it is first looked for.

        An import of a first-party module that will come to such a module starts it in a thread: unpacking needs no
        interpreter lock, so another core does it while this one imports what comes before.
        """

        @staticmethod
        def find_spec(name, path=None, target=None):
            coming = [item for item in early.pop(name, ()) if item in modules]
            if coming:
                try:
                    _thread.start_new_thread(ahead, (coming,))
                except RuntimeError:
                    pass  # no thread to be had: each is unpacked when it is looked for
            wanted = modules.get(name)
            if wanted is not None:
                for dest in wanted:
                    unpack(dest)
                folder = os.path.dirname(os.path.join(root, *wanted[-1].split("/")))
                # PyInstaller's finder never looks again into a directory that was not there when it was first asked.
                sys.path_importer_cache.pop(folder, None)
                modules.pop(name, None)
            return

    sys.meta_path.insert(0, Unpacker)
