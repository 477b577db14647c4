"""The admin of the database store: what is known, to be read and to be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from autoprefetch.advise.tables import counted
from autoprefetch.database.models import CallSite

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[CallSite]
else:
    _Admin = admin.ModelAdmin


@admin.register(CallSite)
class CallSiteAdmin(_Admin):
    """Lists the call sites; nothing can be added or changed by hand."""

    list_display = ("key", "model", "evaluations", "updated")
    list_filter = ("model",)
    search_fields = ("key",)
    ordering = ("-evaluations", "key")
    actions = ("forget",)

    @admin.action(description="Forget what was learned", permissions=["forget"])
    def forget(self, request: HttpRequest, queryset: Any) -> None:
        """Forget the chosen call sites; the workers learn them anew."""
        count, _ = queryset.delete()
        self.message_user(request, f"Forgot {counted(count, 'call site')}.")

    def has_forget_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete may forget."""
        return request.user.has_perm("autoprefetch_database.delete_callsite")

    def has_delete_permission(self, request: HttpRequest, obj: CallSite | None = None) -> bool:
        """Django's own deletion is left out: there is one word for it."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nothing can be added."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: CallSite | None = None) -> bool:
        """Nothing can be changed."""
        return False
