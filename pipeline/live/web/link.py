"""The link to the page as the terminal shows it, with a QR code for a phone."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno

if TYPE_CHECKING:
    from pipeline.live.web.server import Address


def link_text(address: Address, *, has_code: bool) -> str:
    """What people need to open the page.

    Args:
        address: Of the page.
        has_code: Whether to draw the QR code: no phone can open a page on loopback, and no log needs one.
    """
    lines = [f"open {address.link}"]
    if address.fingerprint:
        lines += [
            "The browser will warn of the certificate, which this machine made for itself. Its SHA-256 is",
            address.fingerprint,
        ]
    if has_code:
        code = io.StringIO()
        segno.make(address.link, error="l", micro=False).terminal(code, compact=True, border=2)
        lines.append(code.getvalue().rstrip("\n"))
    return "\n".join(lines)
