"""Pages: the dashboard's templates as responses, the same whatever template engine the project has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.backends.django import DjangoTemplates

from autoprefetch.web.dashboard.assets import TYPES, asset

POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
"""The Content-Security-Policy of each page: nothing inline, and nothing from another host."""


@cache
def _templates() -> DjangoTemplates:
    folder = Path(__file__).parent / "templates"
    return DjangoTemplates({"NAME": "autoprefetch", "DIRS": [folder], "APP_DIRS": False, "OPTIONS": {}})


def page(request: HttpRequest, template: str, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """Render a page.

    Args:
        request: what is answered.
        template: the name of the template.
        context: what it shows; numbers as text, so that no locale puts a comma into a drawing.
        status: the HTTP status.
    """
    assets = {name.partition(".")[0] + "_" + name.rpartition(".")[2]: asset(name) for name in TYPES}
    text = _templates().get_template(template).render({**context, "assets": assets}, request)
    # Names of files may hold bytes that are no text.
    response = HttpResponse(text.encode("utf-8", "backslashreplace"), status=status)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    return response
