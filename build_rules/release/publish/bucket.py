"""Objects in a bucket: Amazon S3, Cloudflare R2, or another server with the S3 API."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from release.errors import ReleaseError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1 << 20
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})

IMMUTABLE = "public, max-age=31536000, immutable"
"""Cache-Control for objects that never change: a year, without revalidation."""
SHORT_LIVED = "public, max-age=60"
"""Cache-Control for objects that name the latest version."""


@dataclass(frozen=True)
class StoredObject:
    """An object as the bucket describes it."""

    content_type: str
    cache_control: str
    sha256: str
    size: int


def connect(endpoint_url: str | None, region: str | None) -> S3Client:
    """Make a client; account and region come from where AWS's own tools find them.

    R2 answered 501 to the checksum headers that newer clients send by default, hence
    `when_required`: stored objects are read back and compared instead.
    """
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"max_attempts": 5, "mode": "standard"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        # A new session: the default one keeps the first account it found.
        session = boto3.session.Session(region_name=region)
        return session.client("s3", endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:
        raise ReleaseError(f"cannot create an S3 client: {error}") from error


@contextmanager
def _explained(bucket: str, action: str) -> Iterator[None]:
    try:
        yield
    except NoCredentialsError as error:
        raise ReleaseError(
            "no S3 account: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise ReleaseError(f"{action} in the bucket {bucket} failed: {error}") from error


class Bucket:
    """Reads and writes objects; raises ReleaseError, which names the key and the bucket."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self.name = name

    def read(self, key: str, limit: int = 1 << 20) -> bytes | None:
        """Read a small object; None if it doesn't exist."""
        with _explained(self.name, f"reading {key}"):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise
            content = answer["Body"].read(limit + 1)
        if len(content) > limit:
            raise ReleaseError(f"{key} in {self.name} has more than {limit} bytes")
        return content

    def inspect(self, key: str) -> StoredObject | None:
        """Download an object to compute its digest; None if it doesn't exist."""
        with _explained(self.name, f"reading {key}"):
            try:
                answer = self._client.get_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise
            digest = hashlib.sha256()
            size = 0
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
            return StoredObject(
                answer.get("ContentType", ""),
                answer.get("CacheControl", ""),
                digest.hexdigest(),
                size,
            )

    def create(self, key: str, content: bytes, content_type: str, cache_control: str) -> bool:
        """Store an object unless the key exists; False if it does."""
        with _explained(self.name, f"writing {key}"):
            try:
                self._client.put_object(
                    Bucket=self.name,
                    Key=key,
                    Body=content,
                    ContentType=content_type,
                    CacheControl=cache_control,
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _TAKEN:
                    return False
                raise
        return True

    def replace(self, key: str, content: bytes, content_type: str, cache_control: str) -> None:
        """Store an object, replacing any that exists."""
        with _explained(self.name, f"writing {key}"):
            self._client.put_object(
                Bucket=self.name,
                Key=key,
                Body=content,
                ContentType=content_type,
                CacheControl=cache_control,
            )
