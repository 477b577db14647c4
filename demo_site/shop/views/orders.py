"""The orders: a foreign key, a one-to-one that may be missing, and a reverse foreign key with a chain behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch
from django.http import JsonResponse
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Order, OrderLine

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class OrdersView(View):
    """All orders, with the customer, the membership, and the product and brand of each line."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer with all orders as JSON."""
        return JsonResponse({"orders": [self.row(order) for order in self.orders()]})

    def orders(self) -> QuerySet[Order]:
        """Choose the orders to show."""
        return Order.objects.all()

    def row(self, order: Order) -> dict[str, Any]:
        """Show one order."""
        member = getattr(order.customer, "membership", None)
        return {
            "id": order.pk,
            "placed": order.placed,
            "customer": order.customer.name,
            "member": member and member.number,
            "lines": [self.line(line) for line in order.lines.all()],
        }

    def line(self, line: OrderLine) -> dict[str, Any]:
        """Show one line of an order."""
        return {"quantity": line.quantity, "product": line.product.name, "brand": line.product.brand.name}


class AutoOrdersView(OrdersView):
    """The same orders, and the one change that autoprefetch asks for."""

    def orders(self) -> QuerySet[Order]:
        """Choose the orders to show."""
        return auto(Order.objects.all())


class HandWrittenOrdersView(OrdersView):
    """The same orders, with all that a row reads loaded ahead."""

    def orders(self) -> QuerySet[Order]:
        """Choose the orders to show."""
        lines = OrderLine.objects.select_related("product__brand")
        return Order.objects.select_related("customer__membership").prefetch_related(Prefetch("lines", queryset=lines))
