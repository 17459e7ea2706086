"""Requests as JSON."""

from __future__ import annotations

import pytest

from pants_pyinstaller.driver import contract


def test_a_request_survives_its_json() -> None:
    request = contract.AppRequest(
        "layer", "site", "tool", "out", ("src",), "pkg.mod", excludes=("a", "b"), data={"x": "y"}
    )
    assert contract.AppRequest.from_json(request.to_json()) == request
    with pytest.raises(ValueError, match="unknown fields nonsense"):
        contract.AppRequest.from_json('{"schema": 1, "nonsense": 1}')
