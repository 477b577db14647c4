"""Toolbar: the panel for django-debug-toolbar (extra `toolbar`) with the call sites of one request."""

from __future__ import annotations

from autoprefetch.web.toolbar.panel import AutoprefetchPanel

__all__ = ["AutoprefetchPanel"]  # the name for DEBUG_TOOLBAR_PANELS, which is also the one to disable it by
