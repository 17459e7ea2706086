# mypy: ignore-errors


def _pyi_ending():
    """A program that Ctrl-C interrupts ends by SIGINT, as one that an interpreter runs: a shell's loop then ends too.

    The bootloader gives it the status 1. It has no place after which nothing of Python is left to do, but objects in
    the dictionary of ``sys`` are the last that the interpreter deletes: files are flushed and closed by then. This hook
    runs before anything of the program, so its exit handler is the last one.
    """
    import _signal
    import atexit
    import os
    import sys

    class Last:
        """Ends the process when the interpreter deletes it."""

        def __init__(self, process):
            self.process = process

        def __del__(self, kill=os.kill, number=_signal.SIGINT):
            kill(self.process, number)

    def ended():
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)  # from 3.12 on
        trace = getattr(error, "__traceback__", None)
        if type(error) is KeyboardInterrupt and trace is not None and not trace.tb_frame.f_back:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
            sys._pyi_last = Last(os.getpid())

    if os.name == "posix":
        atexit.register(ended)
