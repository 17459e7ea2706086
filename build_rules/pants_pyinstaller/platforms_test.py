"""What `[pyinstaller].platforms` chooses on each host."""

from __future__ import annotations

import pytest

from pants_pyinstaller.platforms import PANTS_PLATFORMS, PLATFORMS, Build, PlatformError, choose


def names(asked: str, host: str) -> list[str]:
    return [platform.name for platform in choose(tuple(asked.split()), host)]


def test_the_host_comes_first_and_all_is_what_the_host_can_build() -> None:
    assert names("host", "darwin-arm64") == ["darwin-arm64"]
    assert names("all", "darwin-arm64") == ["darwin-arm64"]
    assert names("all", "linux-amd64") == [
        *("linux-amd64", "darwin-amd64", "darwin-arm64", "linux-arm64", "windows-amd64"),
    ]
    assert names("windows-amd64 host", "linux-amd64") == ["linux-amd64", "windows-amd64"]
    assert names("linux-arm64", "linux-amd64") == ["linux-arm64"]


@pytest.mark.parametrize(
    ("asked", "host", "said"),
    [
        ("linux-x86", "linux-amd64", "'linux-x86'. Known are host, all, darwin-arm64"),
        (
            "windows-amd64",
            "darwin-arm64",
            "can't be built on darwin-arm64: it is built on windows-amd64 or linux-amd64",
        ),
        ("darwin-arm64", "linux-arm64", "Here can be built: linux-arm64"),
        ("", "linux-amd64", "is empty"),
    ],
)
def test_what_can_not_be_built(asked: str, host: str, said: str) -> None:
    with pytest.raises(PlatformError, match=said):
        choose(tuple(asked.split()), host)


def test_every_platform_is_built_somewhere() -> None:
    hosts = set(PANTS_PLATFORMS.values())
    for platform in PLATFORMS.values():
        assert hosts & {platform.name, *platform.cross}, platform
    assert PLATFORMS["linux-arm64"].build_on("linux-arm64") is Build.NATIVE
