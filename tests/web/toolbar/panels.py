"""What the panel shows, asked for as the toolbar's script in the browser does."""

from __future__ import annotations

import html
import re
from typing import Any

from django.test import AsyncClient, Client

PANEL = "autoprefetch.web.toolbar.AutoprefetchPanel"

SETTINGS: dict[str, Any] = {
    "DEBUG": True,
    "INTERNAL_IPS": ["127.0.0.1"],
    "STATIC_URL": "/static/",
    "MIDDLEWARE": ["debug_toolbar.middleware.DebugToolbarMiddleware"],
    "DEBUG_TOOLBAR_PANELS": [
        "debug_toolbar.panels.history.HistoryPanel",
        "debug_toolbar.panels.sql.SQLPanel",
        PANEL,
    ],
    "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
}


def request_id(address: str, client: Client | None = None) -> str:
    """Ask for a page, and return what the toolbar stores it under."""
    return str((client or Client()).get(address).headers["djdt-request-id"])


async def arequest_id(address: str) -> str:
    """Ask for a page by ASGI."""
    return str((await AsyncClient(REMOTE_ADDR="127.0.0.1").get(address)).headers["djdt-request-id"])


def rendered(stored: str, panel: str = "AutoprefetchPanel") -> dict[str, Any]:
    """Return what the toolbar is given for a panel: its content and its scripts."""
    query = {"request_id": stored, "panel_id": panel}
    return dict(Client().get("/__debug__/render_panel/", query).json())


def content(address: str) -> str:
    """Ask for a page, and return the HTML of the panel."""
    return str(rendered(request_id(address))["content"])


def text_of(content: str) -> str:
    """Return what a person reads of some HTML."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content)).split())


def button(stored: str) -> str:
    """Return what the side bar says of the panel."""
    found = Client().get("/__debug__/history_sidebar/", {"request_id": stored, "exclude_history": "True"}).json()
    return text_of(found["AutoprefetchPanel"]["button"])


def states(content: str) -> list[str]:
    """Return the states of the call sites, one after the other."""
    return re.findall(r'<li class="state [\w-]+">([^<]+)</li>', content)


def relations(content: str) -> dict[str, tuple[list[str], str]]:
    """Return the marks of each relation, and the queries of plain Django for it."""
    found = {}
    for row in re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", content, flags=re.DOTALL):
        name, marks, plain, *_ = re.findall(r"<t[hd].*?</t[hd]>", row, flags=re.DOTALL)
        found[text_of(name)] = (re.findall(r'class="mark \w+">([^<]+)', marks), text_of(plain))
    return found


def bars(content: str) -> list[tuple[str, str]]:
    """Return the labels of the bars with their numbers."""
    return re.findall(r"<dt>(plain|ran)</dt>.*?<span>([^<]*)</span>", content, flags=re.DOTALL)


def codes(content: str) -> list[str]:
    """Return what can be copied."""
    found = re.findall(r'<code id="autoprefetch-[\d-]+">(.*?)</code>', content, flags=re.DOTALL)
    return [html.unescape(code) for code in found]
