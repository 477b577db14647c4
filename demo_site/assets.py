"""The files that the pages need, served by the site itself: ``runserver`` serves none where ``DEBUG`` is off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.views import View

if TYPE_CHECKING:
    from django.http import HttpRequest

FOLDER = Path(__file__).resolve().parent / "static"


class AssetView(View):
    """Answer with one file of the folder ``static``.

    Args:
        file: Its name.
        content_type: As HTTP names it.
    """

    file = ""
    content_type = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Read the file, so that a change shows at the next reload."""
        return HttpResponse(FOLDER.joinpath(self.file).read_bytes(), content_type=self.content_type)
