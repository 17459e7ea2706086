"""Output of Apple's tools about a signature, for tests: from documentation, not from runs.

They are those of `codesign --display --verbose=4` in Apple's technical notes on code signing (TN2206,
TN3127); names, digests and sizes are made up.
"""

from __future__ import annotations

IDENTITY = "Developer ID Application: Name (TEAM123456)"

SIGNED = f"""\
Executable=/tmp/agent-runner
Identifier=agent-runner-55554944
Format=Mach-O thin (arm64)
CodeDirectory v=20500 size=131324 flags=0x10000(runtime) hashes=4093+7 location=embedded
Hash type=sha256 size=32
CDHash=fe1e6ad3f3a6ba5c8ab4c1a7d7f6d9e5ce1ca6b3
Signature size=8979
Authority={IDENTITY}
Authority=Developer ID Certification Authority
Authority=Apple Root CA
Timestamp=22. Nov 2026 at 15:00:00
Info.plist=not bound
TeamIdentifier=TEAM123456
Runtime Version=14.0.0
Sealed Resources=none
Internal requirements count=1 size=180
"""
AD_HOC = """\
Executable=/tmp/agent-runner
Identifier=agent-runner-55554944
Format=Mach-O thin (arm64)
CodeDirectory v=20400 size=131188 flags=0x2(adhoc) hashes=4093+2 location=embedded
Signature=adhoc
Info.plist=not bound
TeamIdentifier=not set
Sealed Resources=none
Internal requirements count=0 size=12
"""
