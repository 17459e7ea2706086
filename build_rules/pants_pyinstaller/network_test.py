"""A failed installation is explained by its cause. The outputs are uv 0.13's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pants.engine.process import Process, ProcessCacheScope, ProcessResult
from pants.testutil.rule_runner import QueryRule, RuleRunner

from pants_pyinstaller import network
from pants_pyinstaller.network import Network, install_hint

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


def test_a_process_has_the_caller_s_settings_and_they_are_not_in_its_key(tmp_path: Path) -> None:
    runner = RuleRunner(
        rules=[
            *network.rules(),
            QueryRule(Network, []),
            QueryRule(ProcessResult, [Process]),
        ],
        bootstrap_args=[f"--named-caches-dir={tmp_path}"],
    )
    probe = Process(
        ("/bin/sh", "-c", f'{network.USE}echo "$HTTPS_PROXY $SSL_CERT_FILE $UV_SYSTEM_CERTS"'),
        append_only_caches={network.CACHE: network.DIRECTORY},
        description="Show the settings",
        cache_scope=ProcessCacheScope.PER_SESSION,
    )
    for options, environment, expected in (
        ((), {"HTTPS_PROXY": "http://it's:1"}, "http://it's:1  true\n"),
        ((), {"SSL_CERT_FILE": "/ca.pem"}, " /ca.pem \n"),
        (("--ca-certs-path=/corp.pem",), {"SSL_CERT_FILE": "/ca.pem"}, " /corp.pem \n"),
    ):
        runner.set_options(options, env=environment)
        runner.request(Network, [])
        assert runner.request(ProcessResult, [probe]).stdout.decode() == expected
    (noted,) = tmp_path.rglob("settings")
    assert noted.stat().st_mode & 0o077 == 0
