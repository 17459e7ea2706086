"""Are the binary tools what they claim to be? A broken one makes PyInstaller drop libraries without a word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

from ..errors import DriverError

_REMEDY = (
    "Install the distribution's binutils and libc-bin packages on the building machine "
    "(Debian: apt-get install binutils)."
)


def check_tools(strip: bool) -> None:
    """Run each tool that the build needs on a known binary and look at its output.

    :raises DriverError: one is missing, fails, or does not print what it must.
    """
    if sys.platform != "linux":
        return
    subject = os.path.realpath(sys.executable)
    _expect(["objdump", "-a", subject], "file format elf")
    _expect(["ldd", subject], "libc")
    _expect([_ldconfig(), "-p"], "libc.so.6")
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "copy")
        note = os.path.join(folder, "note")
        with open(note, "wb") as file:
            file.write(b"preflight")
        shutil.copyfile(subject, copy)
        os.chmod(copy, 0o755)
        _expect(["objcopy", "--add-section", f"preflight={note}", copy], "")
        _expect(["objdump", "-h", copy], "preflight")
        if strip:
            _expect(["strip", copy], "")
        _expect(["objdump", "-a", copy], "file format elf")


def _ldconfig() -> str:
    return (
        shutil.which("ldconfig") or shutil.which("ldconfig", path="/usr/sbin:/sbin") or "ldconfig"
    )


def _expect(command: list[str], text: str) -> None:
    shown = " ".join(command)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise DriverError(f"{command[0]} cannot be run: {error.strerror}\n{_REMEDY}") from None
    if done.returncode != 0 or text not in done.stdout:
        output = (done.stderr or done.stdout).strip().splitlines()
        raise DriverError(
            f"{command[0]} does not work on this machine: `{shown}` "
            + (
                f"exited with {done.returncode}"
                if done.returncode
                else f"does not mention {text!r}"
            )
            + (f": {output[0]}" if output else "")
            + f"\n{_REMEDY}"
        )
