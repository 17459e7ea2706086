"""What every binary does, whatever is inside: same bytes, clean children, one-dir and one-file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.bundle import runtime
from pants_pyinstaller.testing.freezer import DRIVER, ENVIRONMENT, Freezer, start

PROGRAM = """
import sys


def work(number):
    return number * number


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else "hello"
    if what == "hello":
        print("hello")
    elif what == "child":
        import os, subprocess
        print(subprocess.run([sys.argv[2], "-c", "env"], capture_output=True, text=True).stdout)
    elif what == "spawn":
        import multiprocessing
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            print(pool.map(work, [1, 2, 3]))
    elif what == "flags":
        import os
        print(sys.flags.utf8_mode, os.environ.get("SSL_CERT_FILE"))
    elif what == "info":
        import os
        print(open(os.path.join(sys._MEIPASS, "build_info.json")).read())
    elif what == "sqlite":
        import sqlite3, os
        root = os.path.dirname(sys.modules["_sqlite3"].__file__)
        print(sqlite3.connect(":memory:").execute("select 40 + 2").fetchone()[0], root.startswith(sys._MEIPASS))
    elif what == "packed":
        try:  # the directory of a package whose only file is packed is looked into before it is there
            from packed_module import absent
        except ImportError:
            from packed_module import unicodedata
            print(unicodedata.name("x"), unicodedata.__file__.startswith(sys._MEIPASS))
    elif what == "wait":
        import os, signal, time
        count = []
        signal.signal(signal.SIGTERM, lambda *_: count.append(1))
        print(os.getpid(), sys._MEIPASS, flush=True)
        end = time.monotonic() + float(sys.argv[2])
        while not count and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        print("terms", len(count), flush=True)
"""


@pytest.fixture(scope="module", params=[contract.ONE_FILE, contract.ONE_DIR])
def program(freezer: Freezer, request: pytest.FixtureRequest) -> Path:
    mode: str = request.param
    app = freezer.app(
        f"prog_{mode}", {"prog/__init__.py": "", "prog/cli.py": PROGRAM}, "prog.cli:main"
    )
    return freezer.freeze(app, mode=mode, build_info={"version": "1.2", "commit": "abc"})


one_file_alone = pytest.mark.parametrize("program", [contract.ONE_FILE], indirect=True)
"""For what one-dir does not do: unpack itself, and start a second process."""


def test_runs_with_an_empty_environment(program: Path) -> None:
    assert start(program).stdout == "hello\n"


def test_children_do_not_inherit_the_bundle(program: Path) -> None:
    seen = start(program, "child", "/bin/sh", LD_LIBRARY_PATH="/opt/mine", PATH="/bin").stdout
    assert "LD_LIBRARY_PATH=/opt/mine\n" in seen
    assert "_ORIG=" not in seen
    bare = start(program, "child", "/bin/sh", PATH="/bin").stdout
    assert "LD_LIBRARY_PATH" not in bare


def test_multiprocessing_spawns_workers(program: Path) -> None:
    done = start(program, "spawn")
    assert done.stdout == "[1, 4, 9]\n", done.stderr


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_encodings_follow_the_locale_as_unfrozen(program: Path, locale: str) -> None:
    command = [sys.executable, "-c", "import sys; print(sys.flags.utf8_mode)"]
    unfrozen = subprocess.run(command, env={"LC_ALL": locale}, capture_output=True, text=True)
    assert start(program, "flags", LC_ALL=locale).stdout.split()[0] == unfrozen.stdout.strip()


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_options_reach_the_interpreter(freezer: Freezer, mode: str) -> None:
    source = (
        "import os, sys\n\n\ndef main():\n"
        "    print(sys.flags.utf8_mode, sys.warnoptions, os.path.basename(sys._MEIPASS))\n"
    )
    app = freezer.app(f"options_{mode}", {"options_app.py": source}, "options_app:main")
    executable = freezer.freeze(
        app, mode=mode, python_options=["X utf8", "W ignore"], contents_directory="lib"
    )
    flags, warnings, folder = start(executable, LC_ALL="C.UTF-8").stdout.split()
    assert (flags, warnings) == ("1", "['ignore']")
    assert (folder == "lib") == (mode == contract.ONE_DIR)


def test_certificates_of_the_user_win(program: Path) -> None:
    mine = start(program, "flags", SSL_CERT_FILE="/my/own.pem").stdout.split()
    assert mine[1] == "/my/own.pem"


def test_certificates_are_found_on_another_distribution(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "tls-ca-bundle.pem"
    theirs.touch()
    monkeypatch.setattr(runtime, "CA_FILES", ("/absent/ca.pem", str(theirs)))
    hook = runtime.hook({"ca_file": "/absent/cert.pem", "ca_path": "/absent/certs"}, False)
    script = (
        "import os, sys, types\n"
        "sys.modules['pyimod01_archive'] = types.ModuleType('pyimod01_archive')\n"
        "importers = sys.modules['pyimod02_importers'] = types.ModuleType('pyimod02_importers')\n"
        "importers.PyiFrozenLoader = type('PyiFrozenLoader', (), {'get_code': None})\n"
        "importers.PyiFrozenFinder = type('PyiFrozenFinder', (), {'path_hook': sys.path_hooks[0]})\n"
        "sys._MEIPASS = '/absent/bundle'\n"
        f"exec({hook!r})\nprint(os.environ['SSL_CERT_FILE'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], env={}, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(theirs), done.stderr


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX")
@one_file_alone
def test_full_temporary_directory_is_said(program: Path) -> None:
    # A file-size limit fails a write as a full disk does, without a file system to mount.
    done = subprocess.run(
        ["/bin/sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\"", program],
        env={},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "disk full? TMPDIR names another place" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")
@one_file_alone
def test_temporary_directory_without_execution_is_said(program: Path, tmp_path: Path) -> None:
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespace, so no noexec directory can be made")
    script = 'mount -t tmpfs -o noexec tmpfs "$1" && TMPDIR="$1" exec "$0"'
    done = subprocess.run(
        [*namespace, "/bin/sh", "-c", script, program, tmp_path], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "set another TMPDIR" in done.stderr


def test_build_info_is_inside(program: Path) -> None:
    assert json.loads(start(program, "info").stdout) == {"commit": "abc", "version": "1.2"}


def test_native_module_that_stayed_packed_works(program: Path) -> None:
    assert start(program, "sqlite").stdout == "42 True\n"


def test_native_modules_that_an_import_comes_to_are_unpacked_ahead(freezer: Freezer) -> None:
    database = (
        "try:\n    import sqlite3.absent\nexcept ImportError:\n    pass\n"
        "import sqlite3\n\ndef version():\n    return sqlite3.sqlite_version_info\n"
    )
    cli = (
        "import sys\nfrom ahead import database\n\n"
        "def main():\n    print(database.version() > (3,), '_decimal' in sys.modules)\n"
    )
    late = "def never():\n    import decimal\n"
    files = {
        "ahead/__init__.py": "",
        "ahead/cli.py": cli,
        "ahead/database.py": database,
        "ahead/late.py": late,
    }
    request = freezer.app("ahead", files, "ahead.cli:main")
    done = start(freezer.freeze(request))
    assert done.stdout == "True False\n", done.stderr
    found = json.loads((freezer.root / "ahead/check" / contract.CHECK_RESULT).read_text())["early"]
    assert sorted(found) == ["ahead.cli", "ahead.database"], (
        "not the module that imports when called"
    )
    assert all(names[0] == "_sqlite3" and "_decimal" not in names for names in found.values())


def test_a_packed_module_is_found_where_nothing_was_before(program: Path) -> None:
    done = start(program, "packed")
    assert done.stdout == "LATIN SMALL LETTER X True\n", done.stderr


def test_term_reaches_the_program_once(program: Path) -> None:
    with subprocess.Popen(
        [program, "wait", "20"], env={}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "terms 1\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_the_process_that_unpacks_can_be_told_to_ignore_signals(freezer: Freezer) -> None:
    source = (
        "import os, signal, sys, time\n\n"
        "terms = []\nsignal.signal(signal.SIGTERM, lambda *_: terms.append(1))\n"
        "print(os.getpid(), flush=True)\nsys.stdin.readline()\n"
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0)\nprint(len(terms))\n"
    )
    app = freezer.app("ignoring", {"ignoring.py": source}, "ignoring.py")
    executable = freezer.freeze(app, python_options=["pyi-bootloader-ignore-signals"])
    with subprocess.Popen(
        [executable], env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) != process.pid
        process.send_signal(signal.SIGTERM)  # the program's own is the only one that it gets
        assert process.communicate("go on\n")[0] == "1\n"
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@one_file_alone
def test_killed_parent_leaves_nothing(program: Path) -> None:
    with subprocess.Popen(
        [program, "wait", "20"], env={}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid, unpacked = process.stdout.readline().split()
        process.kill()
        process.wait()
    assert int(pid) != process.pid
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (_is_alive(pid) or Path(unpacked).exists()):
        time.sleep(0.05)
    assert not _is_alive(pid)
    assert not Path(unpacked).exists()


def _is_alive(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # nobody may wait for an orphan in a container


def test_sidecars_say_what_is_inside(program: Path) -> None:
    folder = program.parent if program.parent.name == "dist" else program.parent.parent
    manifest = json.loads((folder / contract.MANIFEST).read_text())
    assert manifest["executable"]["sha256"] == hashlib.sha256(program.read_bytes()).hexdigest()
    assert manifest["build_info"] == {"commit": "abc", "version": "1.2"}
    host = {item["name"] for item in manifest["host_libraries"]}
    if sys.platform == "linux":
        assert "libsqlite3.so.0" in host
        assert "libz.so.1" not in host, "the bootloader itself needs the system's"
    notices = json.loads((folder / contract.NOTICES).read_text())
    assert any(item["name"] == "CPython" and item["texts"] for item in notices)


def test_host_libraries_can_be_denied(freezer: Freezer) -> None:
    app = freezer.app(
        "denied", {"den/cli.py": "import sqlite3\n\ndef main(): pass\n"}, "den.cli:main"
    )
    freezer.must(contract.APP, app)
    request = freezer.assembly(app, check=None, host_libraries=contract.HOST_LIBRARIES_DENY)
    done = freezer.run(contract.ASSEMBLE, request)
    assert done.returncode == 1
    assert "libsqlite3" in done.stderr
    assert "python-build-standalone" in done.stderr


def test_same_bytes_wherever_it_is_built(freezer: Freezer, tmp_path: Path) -> None:
    """Two builds of everything: other directory, HOME, time zone, locale, user name, umask, hash seed of the shell."""
    digests = []
    for turn in (1, 2):
        root = tmp_path / f"turn{turn}" / ("deeper" * turn)
        root.mkdir(parents=True)
        for name in ("site", "tool"):
            (root / name).symlink_to((freezer.root / name).resolve())
        source = root / "src" / "det" / "cli.py"
        source.parent.mkdir(parents=True)
        source.write_text("import needs_data\n\ndef main():\n    print(needs_data.TEXT)\n")
        environment = {
            **ENVIRONMENT,
            "HOME": str(root),
            "TZ": ("UTC", "Asia/Tokyo")[turn - 1],
            "USER": f"user{turn}",
            "LC_ALL": ("C.UTF-8", "C")[turn - 1],
        }
        requests: list[tuple[str, contract.Request]] = [
            (contract.LAYER, contract.LayerRequest("site", "tool", "layer")),
            (contract.PACK, contract.PackRequest("layer", "pack")),
            (contract.TRACE, contract.TraceRequest("layer", "site", "trace")),
            (
                contract.APP,
                contract.AppRequest(
                    "layer", "site", "tool", "app", ("src",), "det.cli:main", trace="trace"
                ),
            ),
            (
                contract.CHECK,
                contract.CheckRequest(
                    "layer", "app", "site", "tool", "check", ("src",), trace="trace"
                ),
            ),
            (
                contract.ASSEMBLE,
                contract.AssembleRequest(
                    "layer",
                    "app",
                    "tool",
                    "dist",
                    "det",
                    pack="pack",
                    check="check",
                    build_info={"v": "1"},
                ),
            ),
        ]
        for program, request in requests:
            (root / "request.json").write_text(request.to_json())
            subprocess.run(
                [
                    *("/bin/sh", "-c", f'umask {("022", "077")[turn - 1]}; exec "$@"', "sh"),
                    *(
                        sys.executable,
                        *contract.INTERPRETER_FLAGS,
                        str(DRIVER / "__main__.py"),
                        program,
                    ),
                    "request.json",
                ],
                cwd=root,
                env=environment,
                check=True,
                capture_output=True,
            )
        files = {
            path.relative_to(root).as_posix(): (
                path.stat().st_mode & 0o777,
                hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for folder in ("layer", "pack", "trace", "app", "check", "dist")
            for path in sorted((root / folder).rglob("*"))
            if path.is_file()
        }
        digests.append(files)
    first, second = digests
    assert [name for name in first if first[name] != second.get(name)] == []
    assert os.path.basename("dist/det") in {Path(name).name for name in first}


def test_wrong_requests_are_messages(freezer: Freezer) -> None:
    app = freezer.app("wrong", {"wrong/cli.py": "def main(): pass\n"}, "wrong.cli:main")
    for change, said in (
        ({"entry_point": "wrong.clu"}, "did you mean wrong.cli"),
        ({"entry_point": "wrong.cli:mian"}, "did you mean main?"),
        ({"hidden_imports": ("needs_dta",)}, "did you mean needs_data"),
        ({"collect": ("needs-datum",)}, "did you mean needs-data"),
    ):
        done = freezer.run(contract.APP, dataclasses.replace(app, **change))
        assert done.returncode == 1, change
        assert said in done.stderr
        assert "Traceback" not in done.stderr
