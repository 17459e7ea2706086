"""Runs a program in its own root directory, by qemu where it is of another architecture.

    PYTHON -I -S launch.py --sysroot DIR [--qemu FILE --machine aarch64] [--show DIR ...] -- PROGRAM ...

The program sees the sysroot as `/`, the caller's working directory as `/w` and as its own, the
targets of that directory's symlinks (a build sandbox's shared inputs and caches) and what `--show`
names at their own places, and its own `/tmp`. Arguments, standard streams, the network,
SIGINT, SIGTERM, SIGHUP and the exit code are passed on; an end by signal N is the exit code 128 + N.

Everything that this changes lives in user, mount and PID namespaces of one process. When that ends,
because its program did or because the kernel killed it with this one, the kernel ends all processes
within and drops all mounts. Nothing is left to clean up, whatever signal came when. When the caller
ends without a word, killed, this one ends within a second.

qemu is registered for the machine's programs in the new user namespace's own binfmt_misc (Linux 6.7
or newer), so that programs find their children run as well and the host isn't changed. On an older
kernel the host's own registration is used, or made where the caller is root; it needs the F flag,
as Debian's package qemu-user-static makes it.

`--probe` runs nothing and prints, as JSON, which way was found: its part in a build's key.

Standard library only; runs on the building machine's Python 3.9 or newer.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

# linux/sched.h, linux/mount.h, linux/prctl.h
_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG = 1

_BINFMT = "/proc/sys/fs/binfmt_misc"
_DEVICES = ("null", "zero", "full", "random", "urandom")
WORK = "/w"
_TEMPORARY = ".sysroot-tmp"  # on disk, below the caller's directory: programs write gigabytes


@dataclass(frozen=True)
class Machine:
    """How binfmt_misc knows a machine's ELF files, and which CPU qemu plays.

    qemu's default CPU costs 7 to 12 times the time of `cpu`.
    """

    magic: str
    mask: str
    cpu: str


# From qemu's scripts/qemu-binfmt-conf.sh: a 64-bit little-endian executable or shared object.
MACHINES = {
    "aarch64": Machine(
        r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
        r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff",
        "cortex-a72",
    )
}

PRIVATE, HOST, REGISTER = "private", "host", "register"
"""Ways to have qemu run the children as well: see the module's docstring."""

_CALLER_LOOK_S = 1.0
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LaunchError(Exception):
    """This machine can't run the program; the text says what is missing."""


_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise LaunchError(f"{what}: {os.strerror(code)}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    arguments = [value.encode() if value else None for value in (source, target, kind)]
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), f"mount {target}")


def _bind(source: str, target: str, read_only: bool = False) -> None:
    _mount(source, target, None, _MS_BIND)
    if read_only:
        # A user namespace may not take back what the source's file system was mounted with.
        kept = os.statvfs(source).f_flag & (_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        _mount("", target, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | kept)


def registration(machine: str, qemu: str) -> str:
    """The line for binfmt_misc: P keeps argv[0], F opens qemu now, so that a chroot has it too."""
    entry = MACHINES[machine]
    return f":qemu-{machine}:M::{entry.magic}:{entry.mask}:{qemu}:PF"


def host_handler(machine: str) -> bool:
    """Whether the host runs the machine's programs in any root: a handler with the F flag."""
    try:
        text = Path(_BINFMT, f"qemu-{machine}").read_text()
    except OSError:
        return False
    flags = next((line[7:] for line in text.splitlines() if line.startswith("flags: ")), "")
    return text.startswith("enabled") and "F" in flags


def _enter(user: bool) -> None:
    """Go into new namespaces; the next child is the first process of the new PID namespace."""
    uid, gid = os.getuid(), os.getgid()
    _unshare(_CLONE_NEWNS | _CLONE_NEWPID | (_CLONE_NEWUSER if user else 0))
    if user:
        # As root in there; files of others belong to nobody.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _mount("", "/", None, _MS_REC | _MS_PRIVATE)


def _register(machine: str, qemu: str) -> None:
    _mount("binfmt_misc", _BINFMT, "binfmt_misc", 0)
    if not Path(_BINFMT, f"qemu-{machine}").exists():
        Path(_BINFMT, "register").write_text(registration(machine, qemu))


def _attempt(way: str, machine: str, qemu: str) -> str | None:
    """Try a way in its own process; returns why it doesn't work, or None."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prepare(way, machine, qemu)
            problem = "" if host_handler(machine) else "binfmt_misc didn't take it"
        except (LaunchError, OSError) as error:
            problem = str(error)
        os.write(write, problem.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        problem = said.read()
    os.waitpid(child, 0)
    return problem or None


def prepare(way: str, machine: str, qemu: str) -> None:
    """Enter the namespaces and see to it that qemu runs the machine's programs in them."""
    if way == PRIVATE:
        _enter(user=True)
        _register(machine, qemu)
    elif way == HOST:
        _enter(user=os.getuid() != 0)
    else:
        _enter(user=False)
        _register(machine, qemu)


def choose_way(machine: str, qemu: str) -> str:
    """The first way that works here, the one that changes nothing of the host first.

    Raises LaunchError that says why none does.
    """
    problems = []
    for way, needed in (
        (PRIVATE, "a user namespace with its own binfmt_misc (Linux 6.7 or newer)"),
        (HOST, f"the host's own handler qemu-{machine}, with the F flag"),
        (REGISTER, "a handler that is made on the host, by root"),
    ):
        if way == HOST and not host_handler(machine):
            problem: str | None = "there is none"
        elif way == REGISTER and os.getuid() != 0:
            problem = "the caller is not root"
        else:
            problem = _attempt(way, machine, qemu)
        if problem is None:
            return way
        problems.append(f"  {needed}: {problem}")
    raise LaunchError(
        f"programs for {machine} can't be run on this machine, since none of these works:\n"
        + "\n".join(problems)
        + "\nAllow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu "
        "kernel.apparmor_restrict_unprivileged_userns=0), or let the system register qemu "
        "(Debian packages qemu-user-static and binfmt-support)."
    )


# --- The root ---------------------------------------------------------------------------------------


def linked_places(directory: str) -> list[str]:
    """Absolute targets of the symlinks in a directory, below no other of them."""
    targets = sorted(
        {
            os.path.realpath(entry.path)
            for entry in os.scandir(directory)
            if entry.is_symlink() and os.path.isabs(os.readlink(entry.path))
        }
    )
    kept: list[str] = []
    for target in targets:
        if os.path.exists(target) and not any(target.startswith(place + "/") for place in kept):
            kept.append(target)
    return kept


def make_root(sysroot: str, work: str, temporary: str, shown: list[str]) -> str:
    """Mount what the program sees as `/`; returns where. The sysroot itself stays as it is."""
    root = sysroot + WORK
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
    mounted = {"dev", "proc", "tmp", WORK.strip("/")}
    for name in mounted:
        os.mkdir(f"{root}/{name}")
    owned = set()
    for entry in os.scandir(sysroot):
        target = f"{root}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.name not in mounted:
            os.mkdir(target)
            _bind(entry.path, target, read_only=True)
        owned.add(entry.name)
    _bind(work, root + WORK)
    _bind(temporary, f"{root}/tmp")
    for place in [*linked_places(work), *shown]:
        if place == os.path.realpath(sysroot):
            continue
        first = place.split("/")[1]
        if first in owned - mounted:
            raise LaunchError(
                f"{place} can't be shown to the program: /{first} is the sysroot's. Let Pants keep "
                "its caches and sandboxes elsewhere ([GLOBAL].named_caches_dir, "
                "local_execution_root_dir)."
            )
        os.makedirs(root + place, exist_ok=True)
        _bind(place, root + place)
    os.chmod(f"{root}/dev", 0o755)
    for device in _DEVICES:
        with open(f"{root}/dev/{device}", "w"):
            pass
        _bind(f"/dev/{device}", f"{root}/dev/{device}")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")
    os.mkdir(f"{root}/dev/shm")
    _mount("tmpfs", f"{root}/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")
    try:
        _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV)
    except LaunchError:  # a container that hides parts of itself
        _mount("/proc", f"{root}/proc", None, _MS_BIND | _MS_REC)
    return root


# --- Processes --------------------------------------------------------------------------------------


def _end_with_parent(parent_lives: int) -> None:
    """Have the kernel kill this process when its parent ends; `parent_lives` closes at that."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL)), "prctl")
    # It may have ended before: the parent alone holds the pipe's other end.
    if select.select([parent_lives], [], [], 0)[0]:
        os._exit(1)


def _exit_code(status: int) -> int:
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _pass_on(child: int) -> None:
    """From now on this process gives the signals of `_PASSED_ON` to `child`, those waiting first."""
    for number in _PASSED_ON:
        signal.signal(number, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)


def _first_process(root: str, directory: str, command: list[str], env: dict[str, str]) -> NoReturn:
    """Be the first process of the PID namespace: run the command, bury what it leaves behind."""
    program = os.fork()
    if program == 0:
        for number in (*_PASSED_ON, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        try:
            os.chroot(root)
            os.chdir(directory)
            os.execve(command[0], command, env)
        except OSError as error:
            print(f"{command[0]} can't be started: {error}", file=sys.stderr, flush=True)
            os._exit(127)
    _pass_on(program)
    while True:
        ended, status = os.wait()
        if ended == program:
            os._exit(_exit_code(status))


@dataclass(frozen=True)
class Emulation:
    """How another machine's programs are run: `way` as `choose_way` found it."""

    way: str
    machine: str
    qemu: str

    @property
    def env(self) -> dict[str, str]:
        return {"QEMU_CPU": MACHINES[self.machine].cpu}


def launch(
    emulation: Emulation | None,
    sysroot: str,
    shown: list[str],
    directory: str,
    command: list[str],
) -> int:
    """Run `command`; returns its exit code, 128 + N for an end by signal N."""
    work, caller = os.getcwd(), os.getppid()
    temporary = os.path.join(work, _TEMPORARY)
    os.makedirs(temporary, exist_ok=True)
    held_read, held_write = os.pipe()
    # The first process of a namespace ignores a signal for which it has no handler: it has to wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    if emulation is None:
        _enter(user=os.getuid() != 0)
    else:
        prepare(emulation.way, emulation.machine, emulation.qemu)
    env = {**os.environ, **(emulation.env if emulation else {})}
    first = os.fork()
    if first == 0:
        os.close(held_write)
        _end_with_parent(held_read)
        try:
            root = make_root(sysroot, work, temporary, shown)
            _first_process(root, directory, command, env)
        except (LaunchError, OSError) as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(126)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _pass_on(first)
    while True:
        ended, status = os.waitpid(first, os.WNOHANG)
        if ended:
            return _exit_code(status)
        signal.sigtimedwait([signal.SIGCHLD], _CALLER_LOOK_S)
        if os.getppid() != caller:  # it was killed and can't say that it waits no more
            os.kill(first, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sysroot", default="")
    parser.add_argument("--qemu", default="")
    parser.add_argument("--machine", choices=sorted(MACHINES))
    parser.add_argument("--show", action="append", default=[])
    parser.add_argument("--directory", default=WORK)
    parser.add_argument("--way", default="")
    parser.add_argument("--probe", action="store_true")
    parser.add_argument("command", nargs="*")
    options = parser.parse_args(arguments)
    if options.machine and not options.qemu:
        parser.error("--machine needs --qemu")
    try:
        emulation = None
        if options.machine:
            way = options.way or choose_way(options.machine, options.qemu)
            emulation = Emulation(way, options.machine, options.qemu)
        if options.probe:
            print(json.dumps(describe(emulation), sort_keys=True))
            return 0
        shown = [os.path.realpath(place) for place in options.show]
        sysroot = os.path.abspath(options.sysroot)
        return launch(emulation, sysroot, shown, options.directory, options.command)
    except LaunchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 126


def describe(emulation: Emulation | None) -> dict[str, str]:
    """What of an emulation decides a result."""
    if emulation is None:
        return {}
    content = hashlib.sha256(Path(emulation.qemu).read_bytes()).hexdigest()
    return {"way": emulation.way, "qemu": content, "cpu": MACHINES[emulation.machine].cpu}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
