"""Recognising: a filter that compares with the key of a tracked instance, written without a related manager.

`Entry.objects.filter(account=account)` in a loop over tracked accounts, or `Owner.objects.get(pk=account.owner_id)`, is
the derived query of a peer as well. It is recognised when exactly one group of peers holds the value in a column that
the filter can only mean; where two do, nobody can tell, and the query stays what it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import ForeignKey, Model

from autoprefetch.observe import writes
from autoprefetch.observe.peers import PeerGroup


def holder(model: type[Model], field: Any, value: Any) -> tuple[Any, str] | None:
    """Find the one tracked instance whose column a comparison means.

    Args:
        model: the model that is queried.
        field: its field that is compared.
        value: what it is compared with, prepared for the database.

    Returns:
        the instance and its attribute; None when no group of peers, or more than one, holds the value.
    """
    meaning = (model, field.attname)
    try:
        found = [
            (group, instance, attname)
            for group in _groups()
            for attname in _meant(group.model, model, field)
            if (instance := group.holder(attname, value)) is not None
        ]
    except TypeError:  # the value cannot be hashed
        return None
    if len(found) > 1:
        # Whichever is taken, the answer is that of the value; so those go on that were meant before.
        found = [held for held in found if (meaning, held[2]) in held[0].meanings]
    if len(found) != 1:
        return None
    group, instance, attname = found[0]
    group.meanings.add((meaning, attname))
    return instance, attname


def _groups() -> list[PeerGroup]:
    groups = {id(group): group for root in writes.in_use() for group in root.recording.groups.values()}
    return list(groups.values())


@cache
def _meant(peers: type[Model], model: type[Model], field: Any) -> tuple[str, ...]:
    """Return the attributes of peers that a comparison with a field of a model can mean."""
    if field.is_relation:
        is_key = (
            field.related_model is not None and field.related_model._meta.concrete_model is peers._meta.concrete_model
        )
        return (field.target_field.attname,) if is_key and len(field.foreign_related_fields) == 1 else ()
    columns: list[Any] = [column for column in peers._meta.concrete_fields if isinstance(column, ForeignKey)]
    return tuple(column.attname for column in columns if column.target_field == field)
