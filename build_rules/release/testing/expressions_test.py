from __future__ import annotations

from typing import Any

import pytest

from release.testing.expressions import ExpressionError, evaluate, expand

CONTEXTS: dict[str, Any] = {
    "github": {"event_name": "push", "ref_name": "v1", "ref": "refs/heads/main"},
    "inputs": {},
    "matrix": {"packages": "", "platform": "linux-amd64"},
    "needs": {"plan": {"outputs": {"matrix": '{"include": [{"a": 1}]}', "publish": "true"}}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("github.event_name == 'push' && github.ref_name || ''", "v1"),
        ("github.event_name == 'PUSH'", True),
        ("github.event_name != 'push' && github.ref_name || 'other'", "other"),
        ("matrix.packages != ''", False),
        ("inputs.version", None),
        ("!(matrix.packages || inputs.version)", True),
        ("fromJSON(needs.plan.outputs.matrix)", {"include": [{"a": 1}]}),
        ("needs['plan'].outputs.publish == 'true'", True),
        ("'it''s'", "it's"),
        ("${{ 1 == 1 }}", True),
    ],
)
def test_values(text: str, value: object) -> None:
    assert evaluate(text, CONTEXTS) == value


def test_expressions_in_texts() -> None:
    step = {"name": "x-${{ matrix.platform }}${{ inputs.version }}", "with": ["${{ true }}", "a"]}
    assert expand(step, CONTEXTS) == {"name": "x-linux-amd64", "with": [True, "a"]}
    assert expand("${{ matrix.platform }}:${{ matrix.platform == 'x' }}", CONTEXTS) == (
        "linux-amd64:false"
    )


@pytest.mark.parametrize("text", ["a.b", "'a' 'b'", "'a", "(1 == 1", "unknown()", "1 ==", "a ? b"])
def test_what_is_not_understood_is_said(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, CONTEXTS)
