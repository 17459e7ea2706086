# mypy: ignore-errors


def _pyi_processes(one_file):
    """The main process of a one-file program follows the bootloader that unpacked it.

    When the bootloader is killed, nothing else would tell its child, nor remove the unpacked files. Every other process
    that runs the program (a worker, a restart of the program by itself) belongs to the one that started it.
    """
    import os
    import sys

    if sys.platform == "linux":
        if not one_file:
            return
        # The bootloader has written its variable anew since; the kernel keeps what the process was started with.
        try:
            with open("/proc/self/environ", "rb") as file:
                main = b"_PYI_PARENT_PROCESS_LEVEL=0" in file.read().split(b"\0")
        except OSError:
            return
        if not main:
            return
        import atexit
        import ctypes

        owner, parent, terminate = os.getpid(), os.getppid(), 15
        ctypes.CDLL(None).prctl(1, terminate, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os.kill(owner, terminate)

        def remove_unpacked():
            if os.getpid() == owner and os.getppid() != parent:
                import shutil

                shutil.rmtree(sys._MEIPASS, ignore_errors=True)

        atexit.register(remove_unpacked)
        return

    # Elsewhere the main process leaves a mark for those that it starts (``starting`` reads it, too).
    if os.environ.get("_PYI_MAIN_PROCESS", "").partition(":")[2] == sys._MEIPASS:
        return
    os.environ["_PYI_MAIN_PROCESS"] = f"{os.getpid()}:{sys._MEIPASS}"
    if one_file and sys.platform == "win32":
        import _thread
        import _winapi
        import signal

        def follow(parent):
            _winapi.WaitForSingleObject(parent, _winapi.INFINITE)
            signal.raise_signal(signal.SIGBREAK)  # what an orderly stop is asked for by on Windows

        try:
            _thread.start_new_thread(
                follow, (_winapi.OpenProcess(0x00100000, False, os.getppid()),)
            )  # SYNCHRONIZE
        except OSError:
            signal.raise_signal(signal.SIGBREAK)  # it is gone already
