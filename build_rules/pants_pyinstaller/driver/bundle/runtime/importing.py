# mypy: ignore-errors


def _pyi_importing():
    """Import hooks that a program puts before the finders see what they would see unfrozen, and nothing else.

    A hook for directories (the way of import hooks that rewrite sources) takes each directory of the bundle for
    itself: packed modules below it would be lost, and a packed package with data files a namespace.
    """
    import sys

    import pyimod02_importers  # pants: no-infer-dep

    ours = pyimod02_importers.PyiFrozenFinder.path_hook
    usual = sys.path_hooks[: sys.path_hooks.index(ours)]
    finders = {}

    class PackedFinder:
        """Finds packed modules where a hook for directories stands before PyInstaller's."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            for hook in sys.path_hooks:
                if hook == ours:
                    return None
                if hook not in usual:
                    break
            for entry in sys.path if path is None else path:
                if entry not in finders:
                    try:
                        finders[entry] = ours(entry)
                    except Exception:
                        finders[entry] = None
                finder = finders[entry]
                if finder and finder._compute_pyz_entry_name(name) in finder._pyz_archive.toc:
                    return finder.find_spec(name, target)
            return None

    for position, finder in enumerate(sys.meta_path):
        if getattr(finder, "__name__", "") == "PathFinder":
            sys.meta_path.insert(position, PackedFinder)
            break
