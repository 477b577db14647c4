"""Requests to a site whose querysets nobody gave to `auto()`."""

import re
from collections.abc import Callable

from django.test import Client

from tests.equivalence.comparing import Run, plain_cold_warm

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


def page(client: Client, url: str) -> Callable[[], tuple[int, str]]:
    """Return a view that gets a page; what differs in each answer by chance is left out."""

    def get() -> tuple[int, str]:
        response = client.get(url)
        return response.status_code, _TOKEN.sub("", response.content.decode())

    return get


def get_all(client: Client, url: str) -> tuple[Run, Run, Run]:
    """Get a page plainly, cold and warm, with every queryset automatic, and see that it is the same page."""
    plain, cold, warm = plain_cold_warm(page(client, url), SCOPE="all")
    assert plain.error is None
    assert plain.value[0] == 200
    return plain, cold, warm
