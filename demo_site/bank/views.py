"""One dashboard, three times: as it was written, with ``auto()``, and with the fix written by hand.

All three share ``DashboardView.get``. They differ in the queryset alone, and the hand-written one also in the
serializer, because a sliced ``Prefetch`` can only be read under a name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet
from rest_framework.response import Response
from rest_framework.views import APIView

from autoprefetch import auto
from demo_site.bank.models import Account, Transaction
from demo_site.bank.serializers import AccountSerializer, HandWrittenAccountSerializer

if TYPE_CHECKING:
    from rest_framework.request import Request


class DashboardView(APIView):
    """The accounts of the signed-in person's organisation, each with its latest transactions."""

    serializer_class: type[AccountSerializer] = AccountSerializer

    def get(self, request: Request) -> Response:
        """Answer with all accounts as JSON."""
        accounts = self.accounts(request)
        return Response({"accounts": self.serializer_class(accounts, many=True).data})

    def accounts(self, request: Request) -> QuerySet[Account]:
        """Choose the accounts to show."""
        return Account.objects.filter(org_id=request.user.org_id)


class AutoDashboardView(DashboardView):
    """The same dashboard, and the one change that autoprefetch asks for."""

    def accounts(self, request: Request) -> QuerySet[Account]:
        """Choose the accounts to show."""
        return auto(Account.objects.filter(org_id=request.user.org_id))


class HandWrittenDashboardView(DashboardView):
    """The same dashboard after an expert's afternoon: four queries in all."""

    serializer_class = HandWrittenAccountSerializer

    def accounts(self, request: Request) -> QuerySet[Account]:
        """Choose the accounts to show, and load all that the serializers will read."""
        latest = Transaction.objects.select_related("category", "merchant").order_by("-created")[:5]
        return (
            Account.objects.filter(org_id=request.user.org_id)
            .select_related("owner__department", "branch")
            .prefetch_related(Prefetch("transactions", queryset=latest, to_attr="latest_transactions"))
        )


class ReadyView(APIView):
    """Say that the site answers; the demo asks it once before it measures, so that all code is loaded."""

    def get(self, request: Request) -> Response:
        """Answer with a constant."""
        return Response({"ready": True})
