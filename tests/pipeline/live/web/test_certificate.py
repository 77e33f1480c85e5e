"""TLS with a certificate that is given, and with one that is made."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.errors import UsageError
from pipeline.live.web.certificate import given_context
from pipeline.live.web.server import PageLink, link_text

if TYPE_CHECKING:
    from pathlib import Path


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*encoding))
    return paths


def test_a_given_certificate_serves_on_loopback_too(serve: Any, identity: Any, tmp_path: Path) -> None:
    path, key = certificate(tmp_path)

    async def scenario() -> None:
        trust = ssl.create_default_context(cafile=path)
        async with (
            serve(identity, certificate=path, key=key) as served,
            aiohttp.ClientSession() as client,
            client.get(served.link, ssl=trust) as answer,
        ):
            assert served.fingerprint == ""
            assert answer.status == 200
            assert answer.url.scheme == "https"

    asyncio.run(scenario())


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    path, key = certificate(tmp_path)
    with pytest.raises(UsageError, match=r"absent\.pem"):
        given_context(tmp_path / "absent.pem", None)
    with pytest.raises(UsageError, match=r"key\.pem"):
        given_context(key, None)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="give PEM files"):
        given_context(path, certificate(other)[1])


def test_the_link_has_a_code_for_phones() -> None:
    address = PageLink("https://192.0.2.7:8765/?token=abc", "AA:BB")
    plain, code = link_text(address, has_code=False), link_text(address, has_code=True)
    assert address.link in plain
    assert "AA:BB" in plain
    assert code.startswith(plain)
    assert code.count("\n") > plain.count("\n") + 10
