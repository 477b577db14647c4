"""The table of the database store."""

from __future__ import annotations

from django.db import models


class CallSite(models.Model):
    """What is known of one call site."""

    digest = models.CharField(primary_key=True, max_length=64, editable=False)  # a key is longer than an index allows
    key = models.TextField()
    model = models.CharField(max_length=255)
    evaluations = models.PositiveBigIntegerField(default=0)
    history = models.TextField(default="")
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        """What Django calls it."""

        verbose_name = "call site"

    def __str__(self) -> str:
        return self.key
