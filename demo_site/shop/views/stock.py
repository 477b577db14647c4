"""The stock list: one-to-one forwards, then down to the table of garments, and a generic relation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import JsonResponse
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Stock

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class StockView(View):
    """All places of the store, each with its product, the product's notes, and the size of what is worn."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer with the stock as JSON."""
        return JsonResponse({"stock": [self.row(stock) for stock in self.stock()]})

    def stock(self) -> QuerySet[Stock]:
        """Choose the places to show."""
        return Stock.objects.all()

    def row(self, stock: Stock) -> dict[str, Any]:
        """Show one place."""
        garment = getattr(stock.product, "garment", None)
        return {
            "place": stock.place,
            "left": stock.left,
            "product": stock.product.name,
            "size": garment and garment.size,
            "notes": [note.text for note in stock.product.notes.all()],
        }


class AutoStockView(StockView):
    """The same stock, and the one change that autoprefetch asks for."""

    def stock(self) -> QuerySet[Stock]:
        """Choose the places to show."""
        return auto(Stock.objects.all())


class HandWrittenStockView(StockView):
    """The same stock, with all that a row reads loaded ahead."""

    def stock(self) -> QuerySet[Stock]:
        """Choose the places to show."""
        return Stock.objects.select_related("product__garment").prefetch_related("product__notes")
