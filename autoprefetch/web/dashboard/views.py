"""Views: the list of the call sites, one of them, and to forget or to ignore it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import UserPassesTestMixin
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from autoprefetch.advise import logs
from autoprefetch.stores import REMEDY
from autoprefetch.surveying import StoreUnusableError, Surveyed, decide, diff_of, forget, survey
from autoprefetch.web.dashboard.branches import MEANINGS, marks_in, tree
from autoprefetch.web.dashboard.changes import changes
from autoprefetch.web.dashboard.circumstances import circumstances, store_name
from autoprefetch.web.dashboard.entries import digest_of, entry, fault_of, totals
from autoprefetch.web.dashboard.figures import counted, number
from autoprefetch.web.dashboard.ignoring import choices, ignoring
from autoprefetch.web.dashboard.listing import listing
from autoprefetch.web.dashboard.pages import page

FORGET = "autoprefetch_database.delete_callsite"
"""The permission to forget; the admin of the database store asks for the same."""

IGNORE = "autoprefetch_database.change_callsite"
"""The permission to ignore, and to take that back."""

DONE = {
    "ignored": "Ignored from now on, here; other processes follow when they look into the store next.",
    "heeded": "Ignored no longer, here; other processes follow when they look into the store next.",
}
"""What is said after a form, by the query of the address."""


@method_decorator([never_cache, csrf_protect], name="dispatch")
class StaffView(UserPassesTestMixin, View):
    """A page for staff: other users get 403, and who has not logged in is asked to."""

    def test_func(self) -> bool:
        """Tell whether the visitor may look, as the admin does."""
        return bool(self.request.user.is_active and self.request.user.is_staff)

    def get_login_url(self) -> str:
        """Return where to log in: in the admin, where there is one, else at `LOGIN_URL`."""
        try:
            return reverse("admin:login")
        except NoReverseMatch:
            return super().get_login_url()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, and say so where the store cannot be used."""
        try:
            return super().dispatch(request, *args, **kwargs)
        except StoreUnusableError as unusable:
            return self.trouble(request, unusable)

    def trouble(self, request: HttpRequest, unusable: StoreUnusableError, **more: object) -> HttpResponse:
        """Say that the store cannot be used; what its error says may hold values, and belongs into the log."""
        error = unusable.__cause__
        logs.store_troubled(store_name(), "cannot be used by the dashboard", error)
        context = {**circumstances(), "error": type(error).__name__, "remedy": REMEDY, **more}
        return page(request, "trouble.html", context, status=503)

    def address(self, name: str, *args: str) -> str:
        """Return the address of a page, also where the routes are included more than once."""
        match = self.request.resolver_match
        return reverse(f"autoprefetch:{name}", args=args, current_app=match.namespace if match else None)

    def found(self, digest: str, sites: tuple[Surveyed, ...]) -> Surveyed | None:
        """Return the call site of an address."""
        return next((site for site in sites if digest_of(site.key) == digest), None)


class CallSitesView(StaffView):
    """The list."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the call sites that are searched for."""
        sites = survey()
        shown = listing(sites, request.GET.dict())
        context = {
            **circumstances(),
            "listing": shown,
            "entries": [entry(site) for site in shown.page],
            "is_empty": not sites,
            "is_forgotten": "forgotten" in request.GET,
            "totals": [("call sites", number(len(sites))), *totals(sites)],
        }
        return page(request, "call_sites.html", context)


class CallSiteView(StaffView):
    """One call site."""

    def get(self, request: HttpRequest, digest: str) -> HttpResponse:
        """Show what is known of it."""
        sites = survey()
        site = self.found(digest, sites)
        if site is None:
            return page(request, "unknown.html", circumstances(), status=404)
        nodes, suggestion, ignored = tree(site), site.suggestion(), ignoring(site, sites)
        marks = set(marks_in(nodes))
        context = {
            **circumstances(),
            "site": site,
            "entry": entry(site),
            "totals": totals([site]),
            "fault": fault_of(site),
            "tree": nodes,
            "meanings": [(mark, meaning) for mark, meaning in MEANINGS.items() if mark in marks],
            "suggestion": suggestion,
            "changes": changes(suggestion, diff_of(site, suggestion)) if suggestion else [],
            "before": counted(suggestion.queries_before, "query", "queries") if suggestion and suggestion.code else "",
            "after": number(suggestion.queries_after) if suggestion else "",
            "ignoring": ignored,
            "others": counted(ignored.others, "call site", "call sites"),
            "may_forget": request.user.has_perm(FORGET),
            "may_ignore": request.user.has_perm(IGNORE),
            "to_ignore": IGNORE,
            "done": next((text for name, text in DONE.items() if name in request.GET), ""),
        }
        return page(request, "call_site.html", context)


class ForgetView(StaffView):
    """Forgets what was learned of a call site, for those who may."""

    def get(self, request: HttpRequest, digest: str) -> HttpResponse:
        """Show the call site: whoever had to log in first comes back here without the form."""
        return HttpResponseRedirect(self.address("call_site", digest))

    def post(self, request: HttpRequest, digest: str) -> HttpResponse:
        """Forget it; where another was quicker there is nothing left to do."""
        if not request.user.has_perm(FORGET):
            raise PermissionDenied
        site = self.found(digest, survey())
        if site is not None:
            forget(site.key)
        return HttpResponseRedirect(f"{self.address('call_sites')}?forgotten")


class IgnoreView(StaffView):
    """Has a call site or one of its relations ignored, or that taken back, for those who may.

    Attributes:
        ignores: whether it is ignored from then on.
    """

    ignores = True

    def get(self, request: HttpRequest, digest: str) -> HttpResponse:
        """Show the call site: whoever had to log in first comes back here without the form."""
        return HttpResponseRedirect(self.address("call_site", digest))

    def post(self, request: HttpRequest, digest: str) -> HttpResponse:
        """Decide it; a call site that another has forgotten meanwhile is shown to be so."""
        if not request.user.has_perm(IGNORE):
            raise PermissionDenied
        sites = survey()
        site = self.found(digest, sites)
        if site is None:
            return self.get(request, digest)
        name = request.POST.get("name", "")
        if name not in {choice.name for choice in choices(site)}:
            msg = f"{site.call_site} has nothing that is called {name!r:.100} and can be ignored. Open its page anew."
            raise BadRequest(msg)
        try:
            decide(site, name, ignores=self.ignores)
        except StoreUnusableError as unusable:
            return self.trouble(request, unusable, is_held=True, ignores=self.ignores, ignoring=ignoring(site, sites))
        return HttpResponseRedirect(f"{self.address('call_site', digest)}?{'ignored' if self.ignores else 'heeded'}")
