"""The command line.

Start-up order is part of the design: arguments, `--version`, `--help` and configuration errors need
only the standard library; logging and Temporal follow, the agent's packages last
 (`warm_up.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from agent_runner import build_info, dotenv_files, exit_codes, settings
from agent_runner.variables import Problem

DESCRIPTION = "A Temporal worker that runs LLM agents. Without a command it starts the worker."

EPILOG = """\
configuration, by environment variables or a .env file here or beside the executable:
  TEMPORAL_SERVICE_ADDRESS   required: host:port of Temporal, such as 127.0.0.1:7233
  AGENT_RUNNER_MODEL         required: provider:name, such as openai:gpt-4.1-mini,
                             anthropic:claude-sonnet-4-5 or ollama:qwen3:8b
  OPENAI_API_KEY             for openai; OPENAI_BASE_URL names another compatible server
  ANTHROPIC_API_KEY          for anthropic
  All of them: docs/configuration.md, or `agent-runner --help-variables`.

exit codes:
  0  drained after SIGTERM, SIGINT or Ctrl-Break; or every check passed
  1  `check` found a problem; the worker failed unexpectedly
  2  wrong command line, or missing or wrong configuration
  3  Temporal did not answer within TEMPORAL_CONNECT_TIMEOUT_SECONDS

examples:
  TEMPORAL_SERVICE_ADDRESS=127.0.0.1:7233 AGENT_RUNNER_MODEL=ollama:qwen3:8b agent-runner
  agent-runner check
  agent-runner check --json
"""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage in one style, on stderr, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"agent-runner: {message}\nTry: agent-runner --help\n")
        raise SystemExit(exit_codes.USAGE)


def parser() -> argparse.ArgumentParser:
    root = _Parser(
        prog="agent-runner",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    root.add_argument(
        "--version",
        action="store_true",
        help="print version, platform, Python and, in a tagged build, the commit",
    )
    root.add_argument(
        "--help-variables",
        action="store_true",
        help="print every variable, with default and meaning",
    )
    commands = root.add_subparsers(dest="command", metavar="command", parser_class=_Parser)
    check = commands.add_parser(
        "check",
        help="test configuration, Temporal, model, sandbox, Redis and more, one by one",
        description="Test everything that the worker needs, one by one. "
        "Exit code 0 if everything works; otherwise 1, and the failures are listed.",
        allow_abbrev=False,
    )
    check.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    return root


def variables_text() -> str:
    lines = []
    for variable in settings.BY_NAME.values():
        lines.append(f"{variable.name}  ({variable.required_or_default().replace('`', '')})")
        lines.append(f"    {variable.meaning.replace('`', '')}  Example: {variable.example}")
    return "\n".join(lines)


def configuration_error(problems: Sequence[Problem]) -> str:
    """Every problem in one message."""
    count = f"{len(problems)} problem" + ("s" if len(problems) != 1 else "")
    lines = [f"agent-runner: {count} in the configuration", ""]
    lines += [problem.line() for problem in problems]
    for name, near in settings.unknown(os.environ).items():
        hint = f"; did you mean {near}?" if near else ""
        lines.append(f"  {name}: is set, but is not a known variable{hint}")
    lines += ["", "All variables: agent-runner --help-variables, or docs/configuration.md"]
    return "\n".join(lines) + "\n"


def command_line(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Raises:
        SystemExit: after `--help` and for wrong usage, as argparse does.
    """
    _utf8_streams()
    options = parser().parse_args(arguments)
    if options.version:
        print(build_info.load().lines())
        return exit_codes.OK
    if options.help_variables:
        print(variables_text())
        return exit_codes.OK
    unreadable = dotenv_files.load(os.environ, dotenv_files.candidates())
    problems = unreadable + settings.problems(os.environ)
    if options.command == "check":
        from agent_runner.check import command

        return command.run(problems, as_json=options.json)
    if problems:
        sys.stderr.write(configuration_error(problems))
        return exit_codes.USAGE
    from agent_runner import worker_process

    return worker_process.run()


def _utf8_streams() -> None:
    # pipes on Windows are cp1252 otherwise, and a C locale is ASCII
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def leave(code: int) -> NoReturn:
    """End the process with exactly this code: the one place where it ends.

    temporalio's Rust threads can call into an interpreter that is finalizing, which aborts the
    process (SIGABRT) instead of returning its exit code. Everything orderly has happened by now, so
    the finalization is skipped.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a closed pipe
            stream.flush()
    os._exit(code)


def main() -> NoReturn:
    """The program: run the command line, then leave. Never returns, so nothing can follow."""
    try:
        code = command_line()
    except SystemExit as stop:  # argparse
        code = stop.code if isinstance(stop.code, int) else exit_codes.USAGE
    except KeyboardInterrupt:  # before the handlers are installed
        code = exit_codes.OK
    except BaseException:
        import traceback

        traceback.print_exc()
        code = exit_codes.FAILED
    leave(code)


if __name__ == "__main__":
    main()
