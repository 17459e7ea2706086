from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from agent_runner import worker
assert "temporalio.bridge.temporal_sdk_bridge" in sys.modules
print("grpc" in sys.modules)
import grpc
print(grpc.insecure_channel is not None)
"""


def test_worker_polls_without_grpc_and_grpc_stays_importable() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
