"""Headers by which a site says that an image is not to be collected."""

from __future__ import annotations

from collections.abc import Collection, Sequence

# Directives of the form "name: value"; any other word before a colon names a crawler.
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def forbidding_directive(values: Sequence[str], disallowed: Collection[str], crawler: str) -> str | None:
    """The first of the ``disallowed`` directives in the X-Robots-Tag headers ``values``; None when there is none.

    A header may begin with the name of the crawler that it is for ("otherbot: noindex"): it counts only for everyone,
    or for ``crawler``.
    """
    wanted = {directive.lower() for directive in disallowed}
    for value in values:
        applies = True
        for part in value.lower().split(","):
            name, colon, rest = part.strip().partition(":")
            name = name.strip()
            if colon and name not in _WITH_VALUE:
                applies = name in ("*", crawler.lower())
                name = rest.strip()
            if applies and name in wanted:
                return name
    return None
