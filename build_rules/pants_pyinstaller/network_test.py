"""A failed installation is explained by its cause. The outputs are uv 0.13's own."""

from __future__ import annotations

import re

import pytest

from pants_pyinstaller.network import install_hint

FETCH = (
    "error: Failed to fetch: https://index.example/simple/idna/\n  cause: error sending request\n"
)
NO_SOLUTION = (
    "error: No solution found when resolving dependencies\n  cause: Because idna was not found in the "
    "package registry and you require idna==3.20, we can conclude that your requirements are "
    "unsatisfiable.\n\n"
)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            f"{FETCH}  cause: invalid peer certificate: UnknownIssuer",
            r"ca_certs_path.*SSL_CERT_FILE",
        ),
        (f"{FETCH}  cause: Connection refused (os error 111)", "can't be reached.*HTTPS_PROXY"),
        (f"{FETCH}  cause: dns error", "can't be reached"),
        (f"{FETCH}  cause: tunnel error: failed to create underlying connection", "HTTPS_PROXY"),
        (
            f"{NO_SOLUTION}hint: An index URL (https://index.example/simple/) could not be queried due "
            "to a lack of valid authentication credentials (401 Unauthorized)",
            "asks for credentials",
        ),
        (f"{NO_SOLUTION}hint: An index returned a 403 Forbidden error.", "asks for credentials"),
        (NO_SOLUTION, "index lacks what the lockfile pins"),
        (
            "error: Failed to download `idna==3.20`\n  cause: Hash mismatch for `idna==3.20`",
            "not the one that the lockfile pins",
        ),
        (
            "error: In `--require-hashes` mode, all requirements must have a hash, but none were "
            "provided for: idna==3.20",
            "without a hash",
        ),
        (
            "  cause: Because x==1.0 has no usable wheels and you require x==1.0, we can conclude that "
            "your requirements are unsatisfiable.",
            "needs a wheel for Python 3.13.0 on linux-amd64.*build_from_source",
        ),
        ("something else", "could not be installed for Python 3.13.0 on linux-amd64"),
    ],
)
def test_the_cause_is_named_with_a_remedy(output: str, said: str) -> None:
    hint = install_hint(output, "Python 3.13.0 on linux-amd64")
    assert re.search(said, hint), hint
    assert ("needs a wheel" in hint) == ("needs a wheel" in said)
