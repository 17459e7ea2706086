from __future__ import annotations

import itertools

from release.rules.notices import format_notices
from release.rules.sidecars import Component, NoticeText

MIT = NoticeText("LICENSE", "MIT License\n\n  Permission is granted")
MIT_AGAIN = NoticeText("LICENSE.txt", "\ufeffMIT License  \r\n\r\n  Permission is granted\r\n\r\n")
APACHE = NoticeText("licenses/LICENSE", "Apache License\fVersion 2.0")

ZLIB = Component("zlib", "1.2.13", "Zlib", (NoticeText("copyright", "zlib's text"),))
FOO = Component("Foo_Bar", "1.0", "MIT", (MIT,))
BAR = Component("bar", "2.0", "MIT", (MIT_AGAIN, APACHE))
BARE = Component("bare", "3", "", ())
OLD = Component("old", "4", "BSD\n\nRedistribution is permitted", ())


def test_the_whole_file() -> None:
    assert format_notices("agent-runner", [ZLIB, FOO, BARE, OLD, BAR]) == (
        "THIRD-PARTY NOTICES\n"
        "\n"
        "agent-runner contains the software listed here, each under its own licence. The\n"
        "numbers in brackets refer to the texts below; a text that several components share\n"
        "is printed once.\n"
        "\n"
        f"{'=' * 78}\n"
        "CONTENTS\n"
        f"{'=' * 78}\n"
        "\n"
        "bar 2.0      MIT  [1][2]\n"
        "bare 3       not declared  (its author ships no text)\n"
        "Foo_Bar 1.0  MIT  [1]\n"
        "old 4        see text  [3]\n"
        "zlib 1.2.13  Zlib  [4]\n"
        "\n"
        f"{'=' * 78}\n"
        "[1] LICENSE, LICENSE.txt\n"
        "    of bar 2.0\n"
        "    of Foo_Bar 1.0\n"
        f"{'=' * 78}\n"
        "\n"
        "MIT License\n"
        "\n"
        "  Permission is granted\n"
        "\n"
        f"{'=' * 78}\n"
        "[2] licenses/LICENSE\n"
        "    of bar 2.0\n"
        f"{'=' * 78}\n"
        "\n"
        "Apache License\n"
        "Version 2.0\n"
        "\n"
        f"{'=' * 78}\n"
        "[3] License\n"
        "    of old 4\n"
        f"{'=' * 78}\n"
        "\n"
        "BSD\n"
        "\n"
        "Redistribution is permitted\n"
        "\n"
        f"{'=' * 78}\n"
        "[4] copyright\n"
        "    of zlib 1.2.13\n"
        f"{'=' * 78}\n"
        "\n"
        "zlib's text\n"
    )


def test_the_order_in_which_components_come_does_not_matter() -> None:
    orders = itertools.permutations([ZLIB, FOO, BAR, OLD])
    assert len({format_notices("agent-runner", order) for order in orders}) == 1


def test_a_component_of_two_executables_appears_once_with_the_texts_of_both() -> None:
    other = Component("bar", "2.0", "", (NoticeText("NOTICE", "Notice of bar"),))
    text = format_notices("tools", [BAR, other])
    assert text == format_notices("tools", [other, BAR])
    assert text.count("bar 2.0  MIT  [1][2][3]\n") == 1
    assert text.count("Notice of bar") == 1


def test_two_versions_of_a_component_are_both_named() -> None:
    text = format_notices("tools", [FOO, Component("Foo_Bar", "1.1", "MIT", (MIT,))])
    assert "Foo_Bar 1.0  MIT  [1]\nFoo_Bar 1.1  MIT  [1]\n" in text
