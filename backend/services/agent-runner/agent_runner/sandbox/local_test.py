from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runner import processes
from agent_runner.errors import SandboxUnavailable
from agent_runner.sandbox.local import LocalSandboxes, remove_tree
from agent_runner.sandbox.paths import OutsideSandbox, inside
from agent_runner.shell import CommandLimits
from agent_runner.testing_support import run

LIMITS = CommandLimits(timeout=20, output=10_000)


@pytest.fixture
def sandboxes(tmp_path: Path) -> LocalSandboxes:
    (tmp_path / "secret.txt").write_text("secret")
    return LocalSandboxes(tmp_path / "root", LIMITS)


@pytest.mark.parametrize("path", ["/a/b.txt", "a/b.txt", "//a/b.txt", "/./a/b.txt"])
def test_paths_start_at_the_sandbox(tmp_path: Path, path: str) -> None:
    assert inside(tmp_path, path) == tmp_path / "a" / "b.txt"


@pytest.mark.parametrize("path", ["..", "/../x", "a/../../x", "a\\..\\..\\x", "x\0y"])
def test_no_path_leaves_it(tmp_path: Path, path: str) -> None:
    with pytest.raises(OutsideSandbox):
        inside(tmp_path, path)


def test_no_symlink_leaves_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    (root / "dangling").symlink_to("/does/not/exist")
    (root / "loop").symlink_to("loop")
    (root / "in").symlink_to("real")
    for path in ("/out", "/out/x", "/dangling", "/loop"):
        with pytest.raises(OutsideSandbox):
            inside(root, path)
    assert inside(root, "/in/x") == root / "real" / "x"


def test_file_tools_work_inside(sandboxes: LocalSandboxes) -> None:
    async def scenario() -> None:
        sandbox_id = await sandboxes.create("key")
        async with sandboxes.open(sandbox_id) as backend:
            assert (await backend.awrite("/d/a.txt", "one\ntwo\n")).error is None
            assert (await backend.aedit("/d/a.txt", "two", "2")).occurrences == 1
            read = await backend.aread("/d/a.txt")
            assert read.file_data is not None
            assert read.file_data["content"] == "one\n2\n"
            listed = await backend.als("/d")
            assert [entry["path"] for entry in listed.entries or []] == ["/d/a.txt"]
            found = await backend.agrep("one")
            assert [match["path"] for match in found.matches or []] == ["/d/a.txt"]
            globbed = await backend.aglob("*.txt")
            assert [match["path"] for match in globbed.matches or []] == ["/d/a.txt"]
            shown = await backend.aexecute("cat d/a.txt; exit 4")
            assert (shown.output, shown.exit_code) == ("one\n2\n", 4)
            assert (await backend.adelete("/d")).error is None
            assert (await backend.adelete("/")).error is not None
        await sandboxes.close()

    run(scenario())


def test_file_tools_do_not_leave_by_a_symlink_that_a_command_made(
    sandboxes: LocalSandboxes, tmp_path: Path
) -> None:
    async def scenario() -> None:
        sandbox_id = await sandboxes.create("key")
        async with sandboxes.open(sandbox_id) as backend:
            made = await backend.aexecute(f"ln -s {tmp_path} up; ln -s {tmp_path}/secret.txt s.txt")
            assert made.exit_code == 0
            for path in ("/up/secret.txt", "/s.txt", "/../../secret.txt"):
                assert (await backend.aread(path)).file_data is None
                assert (await backend.awrite(path, "overwritten")).error is not None
                assert (await backend.aedit(path, "secret", "x")).error is not None
                assert (await backend.adelete(path)).error is not None
                answers = await backend.adownload_files([path])
                assert answers[0].content is None
                assert (await backend.aupload_files([(path, b"x")]))[0].error is not None
            assert (await backend.als("/up")).error is not None
            assert not (await backend.agrep("secret")).matches
            assert not (await backend.agrep("secret", "/up")).matches
            assert not [
                match
                for match in (await backend.aglob("**/*.txt")).matches or []
                if "secret" in match["path"]
            ]
        await sandboxes.close()

    run(scenario())
    assert (tmp_path / "secret.txt").read_text() == "secret"


def test_commands_are_bounded(tmp_path: Path) -> None:
    sandboxes = LocalSandboxes(tmp_path / "root", CommandLimits(timeout=0.5, output=1000))

    async def scenario() -> None:
        async with sandboxes.open(await sandboxes.create("key")) as backend:
            slow = await backend.aexecute("echo begun; sleep 30", timeout=100)
            assert slow.exit_code == 124
            assert "killed after 0.5 seconds" in slow.output
            loud = await backend.aexecute("yes | head -c 100000")
            assert loud.truncated
            broken = await backend.aexecute("echo \0")
            assert broken.exit_code == 127
        await sandboxes.close()

    run(scenario())


def test_deleting_ends_processes_and_removes_unwritable_directories(
    sandboxes: LocalSandboxes,
) -> None:
    async def scenario() -> None:
        sandbox_id = await sandboxes.create("key")
        directory = sandboxes.directory(sandbox_id)
        assert await sandboxes.create("key") == sandbox_id  # idempotent
        async with sandboxes.open(sandbox_id) as backend:
            await backend.aexecute("mkdir -p a/b; echo x > a/b/c; chmod 500 a/b a")
        await sandboxes.delete(sandbox_id)
        assert not directory.exists()
        await sandboxes.delete(sandbox_id)  # idempotent
        with pytest.raises(SandboxUnavailable):
            async with sandboxes.open(sandbox_id):
                pass
        await sandboxes.close()

    run(scenario())


def test_what_a_killed_worker_left_is_removed_but_not_what_a_living_one_uses(
    tmp_path: Path,
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    root = tmp_path / "root"
    left = root / f"worker-{dead.pid}-{'0' * 12}"
    used = root / f"worker-{os.getppid()}-{'0' * 12}"
    foreign = root / "notes"
    for directory in (left, used, foreign):
        (directory / "key").mkdir(parents=True)
    LocalSandboxes(root, LIMITS).prepare()
    assert not left.exists()
    assert used.exists()
    assert foreign.exists()


def test_a_root_that_cannot_be_used_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SandboxUnavailable, match="AGENT_RUNNER_SANDBOX_ROOT"):
            LocalSandboxes(root, LIMITS).prepare()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SandboxUnavailable, match="another user"):
        LocalSandboxes(tmp_path / "link", LIMITS).prepare()


@pytest.mark.parametrize("sandbox_id", ["..", "a/b", "", "x" * 200])
def test_an_id_is_never_a_path(sandboxes: LocalSandboxes, sandbox_id: str) -> None:
    with pytest.raises(SandboxUnavailable):
        sandboxes.directory(sandbox_id)


def test_the_probe_leaves_nothing(sandboxes: LocalSandboxes, tmp_path: Path) -> None:
    async def scenario() -> str:
        seen = await sandboxes.probe()
        await sandboxes.close()
        return seen

    assert str(tmp_path / "root") in run(scenario())
    assert list((tmp_path / "root").iterdir()) == []


def test_removing_does_not_follow_symlinks(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "alias").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "alias")
    remove_tree(tmp_path / "absent")
    assert (tmp_path / "kept" / "file").exists()
    assert not (tmp_path / "tree").exists()


def test_each_platform_is_described() -> None:
    assert set(processes.PLATFORMS) == {"linux", "darwin", "win32"}
    assert processes.PLATFORMS["win32"].shell("dir")[0] == "cmd.exe"
