"""All that names private or version-dependent Django; the rest of the package talks to Django through these modules."""
