"""Assets: the style sheets, the script and the icon, served by the dashboard and by the debug toolbar's panel itself.

So the project needs neither `django.contrib.staticfiles` nor `collectstatic` for it, and they come from the host that
the page comes from, which is all that its Content-Security-Policy allows, also where `STATIC_URL` names another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

FOLDER = Path(__file__).parent / "static"
TYPES = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files of the dashboard, with what they are."""

PANEL_TYPES = {"toolbar.css": "text/css; charset=utf-8"}
"""Those of the debug toolbar's panel, which has the script of the dashboard."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; its digest is part of its address, so that browsers may keep it for good."""

    name: str
    content: bytes
    digest: str


@cache
def asset(name: str) -> Asset:
    """Read an asset, once for the process."""
    content = (FOLDER / name).read_bytes()
    return Asset(name, content, sha256(content).hexdigest()[:16])


@login_not_required
@require_safe
def serve(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """Serve an asset, to anybody: it is the same in each project."""
    kind = {**TYPES, **PANEL_TYPES}.get(name)
    if kind is None:
        raise Http404
    found = asset(name)
    response = HttpResponse(found.content, content_type=kind)
    # While workers are replaced, one of the old version may be asked for what a page of the new one needs.
    is_asked_for = digest == found.digest
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_asked_for else "no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
