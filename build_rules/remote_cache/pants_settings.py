"""The settings of Pants that make it a client of a server. Pure."""

from __future__ import annotations

from remote_cache.access import Role


def pants_toml(
    address: str,
    instance: str,
    role: Role,
    *,
    tls: bool,
    ca_file: str | None = None,
    token_file: str | None = None,
) -> str:
    """A file for PANTS_CONFIG_FILES; docs/remote-cache.md explains each line."""
    writes = role is Role.WRITE
    lines = [
        "[GLOBAL]",
        f'remote_store_address = "{"grpcs" if tls else "grpc"}://{address}"',
        f'remote_instance_name = "{instance}"',
        "remote_cache_read = true",
        f"remote_cache_write = {str(writes).lower()}",
        "remote_cache_rpc_timeout_millis = 10000",
    ]
    if writes:
        lines.append("session_end_tasks_timeout = 120.0")
    if ca_file:
        lines.append(f'remote_ca_certs_path = "{ca_file}"')
    if token_file:
        lines.append(f'remote_oauth_bearer_token_path = "{token_file}"')
    return "\n".join(lines) + "\n"
