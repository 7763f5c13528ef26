"""What a browser is told about every answer: what a page may load and run, who may frame it, what may be kept.

Scripts of the page itself are allowed by their hash, so a script that slips into a page by way of some text does not
run. gradio makes functions of texts ("unsafe-eval") and styles of attributes ("unsafe-inline" for styles alone).
"""

from __future__ import annotations

import base64
import hashlib
import re

SCRIPT = re.compile(rb"<script(?![^>]*\bsrc\s*=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)
SPACES = "https://huggingface.co https://*.hf.space"
"""Who frames the app where it runs as a Hugging Face Space."""
KEPT = ("/assets/", "/static/", "/svelte/")
"""Parts of gradio itself, which a browser may keep."""
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def script_hashes(page: bytes) -> tuple[str, ...]:
    """CSP source expressions of the scripts that stand in a page."""
    digests = (hashlib.sha256(script).digest() for script in SCRIPT.findall(page))
    return tuple(dict.fromkeys(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests))


def content_security_policy(hashes: tuple[str, ...] = (), framed_by: str = "'none'") -> str:
    """The Content-Security-Policy of a page with these scripts. framed_by: frame-ancestors."""
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", "'unsafe-eval'", *hashes)),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-src": "'none'",
        "frame-ancestors": framed_by,
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def security_headers(path: str, hashes: tuple[str, ...] = (), framed_by: str = "'none'") -> dict[str, str]:
    """Headers of an answer, by name in lower case."""
    found = {
        "content-security-policy": content_security_policy(hashes, framed_by),
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": PERMISSIONS,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    if framed_by == "'none'":
        found["x-frame-options"] = "DENY"
    if not path.startswith(KEPT):
        found["cache-control"] = "no-store"
    return found
