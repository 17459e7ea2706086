# mypy: ignore-errors


def _pyi_ending():
    """A program ends as one that an interpreter runs: by SIGINT where Ctrl-C interrupts it, so that a shell's loop ends
    too, and with the status 120 where its last output could not be written.

    The bootloader gives these the status 1 and 0. It has no place after which nothing of Python is left to do, but
    objects in the dictionary of ``sys`` are the last that the interpreter deletes: files are flushed and closed by
    then. This hook runs before anything of the program, so its exit handler is the last one.
    """
    import _signal
    import atexit
    import os
    import sys

    class Last:
        """Ends the process when the interpreter deletes it."""

        def __init__(self, end, *arguments):
            self.end, self.arguments = end, arguments

        def __del__(self):
            self.end(*self.arguments)

    def is_flushed(file):
        try:
            if file is not None and not file.closed:
                file.flush()
        except Exception:
            return False
        return True

    def ended():
        end = ()
        if not (is_flushed(sys.stdout) and is_flushed(sys.stderr)):
            end = (os._exit, 120)
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)  # from 3.12 on
        trace = getattr(error, "__traceback__", None)
        interrupted = type(error) is KeyboardInterrupt and os.name == "posix"
        if interrupted and trace is not None and not trace.tb_frame.f_back:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
            end = (os.kill, os.getpid(), _signal.SIGINT)
        if end:
            sys._pyi_last = Last(*end)

    atexit.register(ended)
