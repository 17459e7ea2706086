"""The target `pyinstaller_binary`: one small field class per option, each with help to act on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Dict, Optional

from pants.backend.python.target_types import (
    EntryPointField,
    InterpreterConstraintsField,
    PythonResolveField,
)
from pants.build_graph.address import Address
from pants.core.goals.package import OutputPathField
from pants.core.goals.run import RestartableField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    AsyncFieldMixin,
    BoolField,
    Dependencies,
    DictStringToStringField,
    IntField,
    InvalidFieldException,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from pants_pyinstaller._compat import EnvironmentField
from pants_pyinstaller.driver import contract

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_DIRECTORY = re.compile(r"\.|[A-Za-z0-9_][A-Za-z0-9._-]*")


class _NamesField(StringSequenceField):
    """A sequence of names of one form; another form is an error that says what to write."""

    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[str]

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Iterable[str]], address: Address
    ) -> Optional[tuple[str, ...]]:
        value = super().compute_value(raw_value, address)
        for name in value or ():
            if not cls.pattern.fullmatch(name):
                raise InvalidFieldException(
                    f"The '{cls.alias}' field in target {address} has the value {name!r}: "
                    f"expected {cls.expected}."
                )
        return value


class _ModuleNamesField(_NamesField):
    pattern = _MODULE
    expected = "the dotted name of a module, such as 'package.module', not a path or a distribution"


class PyInstallerEntryPointField(EntryPointField):
    required = True
    help = help_text(
        """
        What runs when the executable starts: a module (run as `__main__`) or a function (called
        without arguments; its return value is the exit code).

        Either a name, `'path.to.module'` or `'path.to.module:func'`, or a file beside the BUILD
        file: `'app.py'` or `'app.py:func'`.
        """
    )


class PyInstallerInterpreterConstraintsField(InterpreterConstraintsField):
    help = help_text(
        """
        Which interpreter freezes this program and goes into the executable, in place of
        `[python].interpreter_constraints`: `interpreter_constraints=["CPython==3.12.*"]`. What
        `[pyinstaller].interpreter_constraints` forbids stays forbidden.
        """
    )


class PyInstallerArgsField(StringSequenceField):
    alias = "args"
    help = help_text(
        """
        Arguments that `run` passes to the program, before those of the command line. They are not
        in the executable.
        """
    )


class PyInstallerExtraEnvVarsField(StringSequenceField):
    alias = "extra_env_vars"
    help = help_text(
        """
        Environment variables of the program under `run`: `NAME=value`, or `NAME` for the caller's
        value. They are not in the executable.
        """
    )


class PyInstallerDependenciesField(Dependencies):
    help = help_text(
        """
        First-party sources, resources and files that go into the executable, and third-party
        requirements. What the entry point imports is inferred; name here what is loaded in another
        way, such as plugins and data files. A distribution whose `python_requirement` target is
        named here goes in whole, like one in `collect`. `resource` targets lie in the bundle where
        `importlib.resources` finds them; `file` targets at their path in the repository.
        """
    )


class PyInstallerModeField(StringField):
    alias = "mode"
    default = contract.ONE_FILE
    valid_choices = (contract.ONE_FILE, contract.ONE_DIR)
    help = help_text(
        """
        `one-file`: a single executable that unpacks itself into a temporary directory at each
        start. `one-dir`: a directory that starts faster and needs no temporary space.
        """
    )


class PyInstallerHiddenImportsField(_ModuleNamesField):
    alias = "hidden_imports"
    help = help_text(
        """
        Modules that are imported only by names computed at run time. The imports that run when
        first-party modules are loaded are found without this: see the field `proof`.
        """
    )


class PyInstallerCollectField(_NamesField):
    alias = "collect"
    pattern = _DISTRIBUTION
    expected = "the name of a distribution in the resolve, such as 'python-dateutil'"
    help = help_text(
        """
        Distributions of the resolve that go in whole: every module, data file and their metadata.
        """
    )


class PyInstallerExcludesField(_ModuleNamesField):
    alias = "excludes"
    help = "Modules that stay out together with their submodules, although something imports them."


class PyInstallerHooksField(SpecialCasedDependencies):
    alias = "hooks"
    help = help_text(
        """
        Addresses of `python_source(s)` targets whose files are PyInstaller hooks
        (`hook-package.module.py`). They come before PyInstaller's own.
        """
    )


class PyInstallerRuntimeHooksField(SpecialCasedDependencies):
    alias = "runtime_hooks"
    help = help_text(
        """
        Addresses of `python_source` targets that run in this order inside the executable, before
        the entry point.
        """
    )


class PyInstallerPythonOptionsField(_NamesField):
    alias = "python_options"
    pattern = contract.PYTHON_OPTION
    expected = (
        "one of 'u', 'v', 'W <filter>', 'X <key>[=<value>]', 'hash_seed=<n>', "
        "'pyi-bootloader-ignore-signals', 'pyi-enable-onefile-parent-verification' "
        "(for 'O' set the field `optimize`)"
    )
    help = help_text(
        """
        Interpreter options of the program: `u`, `v`, `W <filter>`, `X <key>[=<value>]`,
        `hash_seed=<n>`. For `O` set the field `optimize`. `X utf8` makes UTF-8 the default
        encoding of files, pipes and the console whatever the user's locale; without it the
        program follows the locale, as it does unfrozen.

        Two options are the bootloader's own: with `pyi-bootloader-ignore-signals` the process that
        unpacks a `one-file` program ignores signals and leaves them to the program;
        `pyi-enable-onefile-parent-verification` makes a program that starts itself check that the
        unpacked directory it is handed is its parent's, as it always does when it is setuid.
        """
    )


class PyInstallerOptimizeField(IntField):
    alias = "optimize"
    default = 0
    help = help_text(
        """
        Optimisation of the bytecode, and `sys.flags.optimize` of the program: 0 none, 1 without
        `assert`, 2 also without docstrings.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[int], address: Address) -> Optional[int]:
        value = super().compute_value(raw_value, address)
        if value not in (0, 1, 2):
            raise InvalidFieldException(
                f"The '{cls.alias}' field in target {address} has the value {value!r}: "
                "expected 0, 1 or 2."
            )
        return value


class PyInstallerStripField(BoolField):
    alias = "strip"
    default = True
    help = "Remove symbol tables and debug sections from native libraries."


class _FileField(StringField, AsyncFieldMixin):
    """One file, its path relative to the BUILD file."""


class PyInstallerIconField(_FileField):
    alias = "icon"
    help = help_text(
        """
        The executable's icon, a path relative to the BUILD file: `.ico` (Windows) or `.icns`
        (macOS). It has no meaning on Linux and is ignored there.
        """
    )


class PyInstallerWindowsVersionInfoField(_FileField):
    alias = "windows_version_info"
    help = help_text(
        """
        A version resource in PyInstaller's format (`pyi-grab_version` writes one), a path relative
        to the BUILD file. Without one, the executable's properties are made of `build_info`: its
        `version` and `commit`, and `company`, `copyright`, `description` and `product` where it has
        them. Ignored on other platforms.
        """
    )


class PyInstallerConsoleField(BoolField):
    alias = "console"
    default = True
    help = "Whether the program has a console (Windows), or is a windowed program (Windows, macOS)."


class PyInstallerRuntimeTmpdirField(StringField):
    alias = "runtime_tmpdir"
    help = help_text(
        """
        Directory on the user's machine in which a `one-file` executable unpacks itself. By default
        the system's: TMPDIR, then /tmp (TEMP on Windows). Of no meaning with `mode="one-dir"`.
        """
    )


class PyInstallerContentsDirectoryField(StringField):
    alias = "contents_directory"
    default = contract.CONTENTS
    help = help_text(
        """
        With `mode="one-dir"`, the directory beside the executable that holds all its files. `"."`
        puts them beside the executable itself.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[str], address: Address) -> Optional[str]:
        value = super().compute_value(raw_value, address)
        if not _DIRECTORY.fullmatch(value or ""):
            raise InvalidFieldException(
                f"The '{cls.alias}' field in target {address} has the value {value!r}: "
                "expected the name of a directory, such as '_internal', or '.'."
            )
        return value


class PyInstallerBuildInfoField(DictStringToStringField, AsyncFieldMixin):
    alias = "build_info"
    help = help_text(
        """
        Strings that the program may know about its build, such as its version. They are written
        as JSON into the bundle: `os.path.join(sys._MEIPASS, "build_info.json")`. Only the last
        step of a build sees them, so a new version freezes nothing again.

        `{scope.option}` in a value stands for the value of a Pants option:
        `build_info={"version": "{release.version}"}`. Write `{{` and `}}` for braces.
        """
    )


class PyInstallerProofField(StringField):
    alias = "proof"
    default = contract.PROOF_CLOSURE
    valid_choices = (contract.PROOF_CLOSURE, contract.PROOF_IMPORTS, contract.PROOF_OFF)
    help = help_text(
        """
        What has to hold before an executable is written.

        `closure`: every module of every distribution in the resolve does the same frozen as
        unfrozen (once per lock), and so does everything that first-party modules reach (at every
        change). `imports`: the second half only. `off`: nothing is proven.
        """
    )


class PyInstallerProofAllowField(DictStringToStringField):
    alias = "proof_allow"
    help = help_text(
        """
        Differences that the proof accepts: module name to the reason why it does not matter.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Dict[str, str]], address: Address
    ) -> Optional[FrozenDict[str, str]]:
        value = super().compute_value(raw_value, address)
        for module, reason in (value or {}).items():
            if not _MODULE.fullmatch(module) or not reason.strip():
                raise InvalidFieldException(
                    f"The '{cls.alias}' field in target {address} has the entry "
                    f"{module!r}: {reason!r}. Expected a module's dotted name and the reason why "
                    "its difference is accepted."
                )
        return value


class PyInstallerExercisesField(SpecialCasedDependencies):
    alias = "exercises"
    help = help_text(
        """
        Programs that the build runs before it writes the executable: addresses of `python_source`,
        `python_sources` or `python_tests` targets. Each file is run twice, by the target's own
        Python and frozen as `mode` says; exit status and output have to be equal.

        What an exercise uses of the lock goes into the executable. So one short script that uses
        each feature once replaces a list of `hidden_imports`: write what a user would do, and print
        what has to be right.

        A source is run as `python -m` runs it and has to end with exit status 0. Of tests, the
        functions `test_*` are called one after the other, without pytest; so they take no
        arguments. Both runs have an empty home directory, no input, no network but loopback, and
        `exercise_timeout` seconds.
        """
    )


class PyInstallerExerciseTimeoutField(IntField):
    alias = "exercise_timeout"
    default = 120
    help = help_text(
        """
        Seconds that each run of an exercise may take. Then it is ended, with everything that it
        started, and the build fails.
        """
    )

    @classmethod
    def compute_value(cls, raw_value: Optional[int], address: Address) -> Optional[int]:
        value = super().compute_value(raw_value, address)
        if value is None or value < 1:
            raise InvalidFieldException(
                f"The '{cls.alias}' field in target {address} has the value {value!r}: "
                "expected a number of seconds, at least 1."
            )
        return value


class PyInstallerExerciseNetworkField(BoolField):
    alias = "exercise_network"
    default = False
    help = help_text(
        """
        Let exercises use the network. Without it they have loopback alone where the kernel allows
        it (Linux), so that a build does not depend on what it reaches. Prefer a server inside the
        exercise.
        """
    )


class PyInstallerExerciseIgnoreField(DictStringToStringField):
    alias = "exercise_ignore"
    help = help_text(
        """
        What may differ between the output of an exercise unfrozen and frozen: regular expression
        to the reason. Everything that one matches is left out of the comparison:
        `exercise_ignore={"took [0-9.]+ s": "a measured time"}`. Directories and addresses
        of objects (`0x…`) are left out without it.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: Optional[Dict[str, str]], address: Address
    ) -> Optional[FrozenDict[str, str]]:
        value = super().compute_value(raw_value, address)
        for pattern, reason in (value or {}).items():
            problem = "" if reason.strip() else "it has no reason"
            try:
                re.compile(pattern)
            except re.error as error:
                problem = f"it is not a regular expression ({error})"
            if problem:
                raise InvalidFieldException(
                    f"The '{cls.alias}' field in target {address} has the entry {pattern!r}: "
                    f"{reason!r}, but {problem}. Expected a regular expression and the reason why "
                    "what it matches may differ."
                )
        return value


class PyInstallerBinary(Target):
    alias = "pyinstaller_binary"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        EnvironmentField,
        OutputPathField,
        PyInstallerArgsField,
        PyInstallerBuildInfoField,
        PyInstallerCollectField,
        PyInstallerConsoleField,
        PyInstallerContentsDirectoryField,
        PyInstallerDependenciesField,
        PyInstallerEntryPointField,
        PyInstallerExcludesField,
        PyInstallerExerciseIgnoreField,
        PyInstallerExerciseNetworkField,
        PyInstallerExerciseTimeoutField,
        PyInstallerExercisesField,
        PyInstallerExtraEnvVarsField,
        PyInstallerHiddenImportsField,
        PyInstallerHooksField,
        PyInstallerIconField,
        PyInstallerInterpreterConstraintsField,
        PyInstallerModeField,
        PyInstallerOptimizeField,
        PyInstallerProofAllowField,
        PyInstallerProofField,
        PyInstallerPythonOptionsField,
        PyInstallerRuntimeHooksField,
        PyInstallerRuntimeTmpdirField,
        PyInstallerStripField,
        PyInstallerWindowsVersionInfoField,
        PythonResolveField,
        RestartableField,
    )
    help = help_text(
        """
        An executable that needs no Python, frozen by PyInstaller from first-party sources and the
        wheels that a lockfile pins.

        `package` writes it only after proving that what can be imported unfrozen can be imported
        from the executable. Third-party code is analysed and compiled once per lockfile and shared
        by all binaries over it; a changed first-party line repeats only what depends on it.
        """
    )
