"""Sign everybody in, and say which worker answered with how many queries."""

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from autoprefetch import auto
from autoprefetch.orm.counting import QueryCount
from demo_site.bank.models import User


class WorkerMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        [request.user] = auto(User.objects.order_by("pk")[:1])  # so that each worker has met the store
        with QueryCount() as count:
            response = self.get_response(request)
        response["X-Worker"] = str(os.getpid())
        response["X-Queries"] = str(count.queries)
        return response
