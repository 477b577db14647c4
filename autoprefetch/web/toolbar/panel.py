"""The panel: what the debug toolbar asks of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from debug_toolbar import APP_NAME
from debug_toolbar.panels import Panel
from django.http import HttpRequest, HttpResponse
from django.template.backends.django import DjangoTemplates
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe

from autoprefetch.faults import shielded
from autoprefetch.observe import following
from autoprefetch.observe.following import Follower
from autoprefetch.orm import routes
from autoprefetch.web import dashboard
from autoprefetch.web.dashboard.assets import asset, serve
from autoprefetch.web.toolbar.evaluations import shown

_ASSET = "autoprefetch_asset"


@cache
def _templates() -> DjangoTemplates:
    folders = [Path(file).parent / "templates" for file in (__file__, dashboard.__file__)]
    return DjangoTemplates({"NAME": "autoprefetch_toolbar", "DIRS": folders, "APP_DIRS": False, "OPTIONS": {}})


class AutoprefetchPanel(Panel):
    """Shows what the call sites of a request have loaded, how, and the code to paste.

    It follows the evaluations of the request while it runs, and is told what they did anyway: it sends no query, and
    the request loads what it would load without it. What it shows is text by the time the toolbar stores it.
    """

    is_async = True
    title = "autoprefetch"
    template = "toolbar.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._follower: Follower | None = None
        self._before: Follower | None = None

    @property
    def nav_subtitle(self) -> str:
        """The queries that the call sites ran, and what plain Django would have run; "" where there are none."""
        return str(self._stats.get("summary", ""))

    @property
    def _stats(self) -> dict[str, Any]:
        return dict(self.get_stats())  # type: ignore[no-untyped-call]

    @property
    def content(self) -> SafeString:
        """What is shown when the panel is opened, now or later, from the toolbar's store."""
        context = {
            **self._stats,
            "nonce": self.toolbar.csp_nonce,
            "style": _address_of("toolbar.css"),
        }
        text = _templates().get_template(self.template).render(context)
        # Names of files may hold bytes that are no text.
        return mark_safe(text.encode("utf-8", "backslashreplace").decode())

    @property
    def scripts(self) -> list[str]:
        """The script that copies, the same as the dashboard's."""
        return [*super().scripts, _address_of("dashboard.js")]

    @classmethod
    def get_urls(cls) -> list[URLPattern]:
        """Serve the style sheet and the script, from the host that the page comes from."""
        return [path("autoprefetch/<slug:digest>/<str:name>", serve, name=_ASSET)]

    def enable_instrumentation(self) -> None:
        """Follow what is evaluated from now on."""
        if self._follower is None:
            self._follower = Follower()
            self._before = following.begin(self._follower)

    def disable_instrumentation(self) -> None:
        """Follow it no more."""
        if self._follower is not None:
            following.begin(self._before)

    def generate_stats(self, request: HttpRequest, response: HttpResponse) -> None:
        """Write down what there is to show; a fault here is logged, and the response goes out."""
        follower, self._follower = self._follower or Follower(), None
        stats: dict[str, Any] = {"is_broken": True}  # the toolbar takes a panel without any for one that is disabled
        with shielded(None, None):
            is_whole = response.status_code < routes.ERROR and not response.streaming
            stats = shown(follower, is_whole=is_whole)
        self.record_stats(stats)  # type: ignore[no-untyped-call]


def _address_of(name: str) -> str:
    return reverse(f"{APP_NAME}:{_ASSET}", args=[asset(name).digest, name])
