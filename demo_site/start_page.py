"""The start page: what the pages are, what visiting them cost, and what autoprefetch suggests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import login
from django.shortcuts import redirect, render
from django.views import View

from autoprefetch import reset, suggestions
from demo_site.bank.models import Account, User
from demo_site.bank.seeding import DEMO_USERNAME
from demo_site.pages import DASHBOARD, SHOP
from demo_site.trials import latest_trials
from demo_site.visits import latest_visits

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One entry of the start page."""

    name: str
    title: str
    code: str
    explanation: str


ENDPOINTS = [
    Endpoint(
        "plain",
        "As it was written",
        "Account.objects.filter(org_id=request.user.org_id)",
        "The serializers load the owner, its department, the branch and the five latest transactions of each account, "
        "and the category and merchant of each transaction, one by one.",
    ),
    Endpoint(
        "auto",
        "With auto()",
        "auto(Account.objects.filter(org_id=request.user.org_id))",
        "The same view and the same serializers. The first visit learns what they use; from the second on it is loaded "
        "ahead. Visit it twice.",
    ),
    Endpoint(
        "hand_written",
        "Tuned by hand",
        'Account.objects.filter(...).select_related("owner__department", "branch").prefetch_related(Prefetch(...))',
        "What an expert makes of it: a longer queryset, and a serializer that must know about it.",
    ),
]


class StartPage(View):
    """Sign the visitor in as the demo user, and show the way."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page."""
        if not request.user.is_authenticated:
            login(request, User.objects.get(username=DEMO_USERNAME))
        context = {
            "accounts": Account.objects.count(),
            "dashboard": DASHBOARD,
            "endpoints": ENDPOINTS,
            "shop": SHOP,
            "latency": settings.DEMO_LATENCY * 1000,
            "visits": list(latest_visits),
            "suggestions": [suggestion.as_text() for suggestion in suggestions()],
        }
        return render(request, "start.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Forget what was learned and measured, so that the next visit is a first one again."""
        reset()
        latest_visits.clear()
        latest_trials.clear()
        return redirect("start")
