"""Peers: the live instances that one evaluation loaded at one path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Model

from autoprefetch.learn.profiles import Path

if TYPE_CHECKING:
    from autoprefetch.observe.recordings import Recording


class PeerGroup:
    """What the instances at one path of one evaluation share.

    Instances refer to their group; a group refers to no instance, so that one live row keeps no other alive.
    """

    __slots__ = ("__weakref__", "model", "path", "recording")

    def __init__(self, recording: Recording, path: Path, model: type[Model]) -> None:
        self.recording = recording
        self.path = path
        self.model = model
