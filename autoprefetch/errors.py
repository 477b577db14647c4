"""Every error that autoprefetch raises to its user.

::

    Exception
    ├── LazyLoadError             a lazy load was left in MODE "strict"
    └── ValueError
        └── InvalidSettingsError  AUTOPREFETCH, or override(), holds something that is not accepted

Neither is an `AttributeError` or carries `silent_variable_failure`, so templates and `hasattr` cannot hide them.
Everything else that goes wrong inside autoprefetch is logged, and the plain queryset runs.
"""

__all__ = ["InvalidSettingsError", "LazyLoadError"]


class LazyLoadError(Exception):
    """A relation, column or derived query was loaded lazily although `MODE` is "strict"."""


class InvalidSettingsError(ValueError):
    """A setting has an unknown name or a value that is not allowed.

    Args:
        problems: one message for each wrong key; each names the key, the value and what is allowed.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems))
