"""The catalogue, an HTML page: all that it loads one by one, its template asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Product

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


class CatalogueView(View):
    """All products, with brand and country, category and its parent, stock, tags, and the size of what is worn."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer with a page."""
        return render(request, "shop/catalogue.html", {"products": self.products()})

    def products(self) -> QuerySet[Product]:
        """Choose the products to show."""
        return Product.objects.all()


class AutoCatalogueView(CatalogueView):
    """The same page, and the one change that autoprefetch asks for."""

    def products(self) -> QuerySet[Product]:
        """Choose the products to show."""
        return auto(Product.objects.all())


class HandWrittenCatalogueView(CatalogueView):
    """The same page, with all that its template asks for loaded ahead."""

    def products(self) -> QuerySet[Product]:
        """Choose the products to show."""
        return Product.objects.select_related(
            "brand__country", "category__parent", "stock", "garment"
        ).prefetch_related("tags")
