"""Where and how the program starts must not matter."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from support.agent_runner import AgentRunner, events
from support.fake_models import FakeModels, call, text
from support.workers import running_worker

SURROUNDINGS = {
    # A start takes seconds, so one start tests everything that cannot interfere.
    "C locale, far time zone, no path": {
        "LC_ALL": "C",
        "LANG": "C",
        "TZ": "Pacific/Chatham",
        "PATH": "",
    },
    "unknown locale, no home, a Python's variables": {
        "LC_ALL": "xx_YY.KOI8-R",
        "HOME": "/nonexistent",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": "/nonexistent",
    },
}


@pytest.mark.parametrize("more", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_a_turn_with_non_ascii_text_works(
    program: AgentRunner,
    environment: dict[str, str],
    models: FakeModels,
    model: str,
    more: dict[str, str],
) -> None:
    if not program.frozen:  # an interpreter that runs the sources must obey them
        more = {name: value for name, value in more.items() if not name.startswith("PYTHON")}
    script = models.play(
        call("write_file", file_path="/naïve – 日本.txt", content="¡olé! 🎉"),
        call("execute", command="cat na*; date +%Z"),
        text("fertig: 日本 🎉"),
        model=model,
    )
    with running_worker(program, environment | more) as worker:
        result = worker.agents.turn("schreib 日本", model=f"openai:{model}").result()
        assert result["text"] == "fertig: 日本 🎉"
        assert "¡olé! 🎉" in script.requests[-1].tool_results[-1]
        assert "schreib 日本" in json.dumps(script.requests[0].messages, ensure_ascii=False)
        times = [entry["timestamp"] for entry in events(worker.process)]
        assert times
        assert all(time.endswith("Z") for time in times)


def test_messages_on_pipes_are_utf_8(program: AgentRunner) -> None:
    process = program.run(TEMPORAL_SERVICE_ADDRESS="grüße 日本:7233", LC_ALL="C")
    assert process.returncode == 2
    assert "grüße 日本" in process.stderr
    checked = program.run("check", "--json", TEMPORAL_SERVICE_ADDRESS="grüße 日本:7233", LC_ALL="C")
    assert "grüße 日本" in json.dumps(json.loads(checked.stdout), ensure_ascii=False)


def test_a_closed_pipe_is_no_crash(program: AgentRunner, command: tuple[str, ...]) -> None:
    """`agent-runner --help-variables | head -1`."""
    for arguments in (["--help-variables"], ["--version"]):
        read, write = os.pipe()
        os.close(read)
        try:
            pid = os.posix_spawn(
                shutil.which(command[0]) or command[0],
                [*command, *arguments],
                {**program.minimal},
                file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
            )
        finally:
            os.close(write)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) >= 0, "it was ended by a signal"


def test_a_read_only_working_directory(
    program: AgentRunner, environment: dict[str, str], tmp_path: Path
) -> None:
    """Also for root, who may write everywhere: /proc takes no new files from anybody."""
    fixed = tmp_path / "read-only"
    fixed.mkdir()
    fixed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    places = [fixed, *(path for path in [Path("/proc/self/fdinfo")] if path.is_dir())]
    for place in places:
        moved = dataclasses.replace(program, cwd=place)
        process = moved.run("check", "--json", **environment)
        assert process.returncode == 0, process.output
    assert list(fixed.iterdir()) == []


def test_a_dotenv_file_here_is_read_and_the_environment_wins(
    program: AgentRunner, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "TEMPORAL_SERVICE_ADDRESS=127.0.0.1:1\nAGENT_RUNNER_MODEL=wrong-é\n", encoding="utf-8"
    )
    here = dataclasses.replace(program, cwd=tmp_path)
    process = here.run()
    assert process.returncode == 2
    assert "wrong-é" in process.stderr
    assert "TEMPORAL_SERVICE_ADDRESS:" not in process.stderr
    other = here.run(AGENT_RUNNER_MODEL="ollama:", TEMPORAL_SERVICE_ADDRESS="nowhere")
    assert "wrong-é" not in other.stderr
    assert "nowhere" in other.stderr


def test_spaces_and_non_ascii_in_the_path_of_the_executable(
    program: AgentRunner, environment: dict[str, str], tmp_path: Path
) -> None:
    if not program.frozen:
        pytest.skip(f"{program.command} runs sources: there is no executable to move")
    folder = tmp_path / "ein Ordner – 日本 ' \" $x"
    folder.mkdir()
    executable = folder / "agent runner é"
    shutil.copy2(program.command[-1], executable)
    temporary = tmp_path / "tmp é ö"
    temporary.mkdir()
    moved = AgentRunner((*program.command[:-1], str(executable)), temporary)
    for arguments, code in ((["--version"], 0), ([], 2), (["check"], 1)):
        assert moved.run(*arguments).returncode == code
    process = moved.run("check", "--json", **environment)
    assert process.returncode == 0, process.output
    assert moved.unpacked() == []


def test_the_file_mode_mask_of_the_caller_does_not_open_sandboxes(
    program: AgentRunner, environment: dict[str, str], models: FakeModels, model: str
) -> None:
    script = models.play(call("execute", command="stat -c %a . ; umask"), text("ok"), model=model)
    before = os.umask(0)
    try:
        with running_worker(program, environment) as worker:
            worker.agents.turn("look", model=f"openai:{model}").result()
    finally:
        os.umask(before)
    assert script.requests[-1].tool_results[0].split()[0] == "700"
