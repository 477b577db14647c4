"""The reviews of each product: derived queries, a count, an average, an existence, a filter and the latest three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Avg, Count, Exists, OuterRef, Prefetch
from django.http import JsonResponse
from django.views import View

from autoprefetch import auto
from demo_site.shop.models import Product, Review

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


class ReviewsView(View):
    """All products, each with what its reviews say in numbers, the worst of them and the latest."""

    def get(self, request: HttpRequest) -> JsonResponse:
        """Answer with all products as JSON."""
        return JsonResponse({"products": [self.row(product) for product in self.products()]})

    def products(self) -> QuerySet[Product]:
        """Choose the products to show."""
        return Product.objects.all()

    def row(self, product: Product) -> dict[str, Any]:
        """Show one product."""
        return {
            "product": product.name,
            "reviews": product.reviews.count(),
            "average": product.reviews.aggregate(average=Avg("stars"))["average"],
            "loved": product.reviews.filter(stars=5).exists(),
            "worst": [review.text for review in product.reviews.filter(stars=1).order_by("written")],
            "latest": [
                f"{review.stars} by {review.customer.name}" for review in product.reviews.order_by("-written")[:3]
            ],
        }


class AutoReviewsView(ReviewsView):
    """The same reviews, and the one change that autoprefetch asks for."""

    def products(self) -> QuerySet[Product]:
        """Choose the products to show."""
        return auto(Product.objects.all())


class HandWrittenReviewsView(ReviewsView):
    """The same reviews; what is counted and sliced has to be read under a name of its own."""

    def products(self) -> QuerySet[Product]:
        """Choose the products to show, and load all that ``row`` will read."""
        worst = Review.objects.filter(stars=1).order_by("written")
        latest = Review.objects.select_related("customer").order_by("-written")[:3]
        return (
            Product.objects.annotate(
                count=Count("reviews"),
                average=Avg("reviews__stars"),
                loved=Exists(Review.objects.filter(product=OuterRef("pk"), stars=5)),
            )
            .order_by("name")  # Django leaves Meta.ordering out of what it groups
            .prefetch_related(
                Prefetch("reviews", queryset=worst, to_attr="worst_reviews"),
                Prefetch("reviews", queryset=latest, to_attr="latest_reviews"),
            )
        )

    def row(self, product: Any) -> dict[str, Any]:
        """Show one product, from what the queryset put on it."""
        return {
            "product": product.name,
            "reviews": product.count,
            "average": product.average,
            "loved": product.loved,
            "worst": [review.text for review in product.worst_reviews],
            "latest": [f"{review.stars} by {review.customer.name}" for review in product.latest_reviews],
        }
