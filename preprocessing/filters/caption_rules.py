"""Rules for captions: the published set of characters, length, and language."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from clip_branches.errors import InvalidInput
from preprocessing.filters.options import FilterSection

_NOT_KEPT = re.compile(r"""[^A-Za-z0-9\s.,!?:;'"()\[\]{}\-/@#$%^&*_]""")
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
_SHOWN = 60


def clean_caption(text: str | None) -> str | None:
    """``text`` by the published rule, None when nothing is left.

    ASCII letters, digits, white space and . , ! ? : ; ' " ( ) [ ] { } - / @ # $ % ^ & * _ are kept, white space is
    collapsed (decision-branches method, section 1).
    """
    return None if text is None else _collapse(_NOT_KEPT.sub("", text))


class Refusal(NamedTuple):
    """Why the caption is a reason to drop its image."""

    reason: str
    detail: str


class CaptionRules:
    """The rules of a recipe. Raises InvalidInput for a language that cannot be told."""

    def __init__(self, filters: FilterSection) -> None:
        self._filters = filters
        self._language = language_teller(filters.languages) if filters.languages else None

    def apply(self, text: str | None) -> tuple[str | None, Refusal | None]:
        """The caption as it is kept, and why its image is dropped, if it is."""
        filters = self._filters
        # Told on the whole text: without its accents a caption says little about its language.
        whole = None if text is None else _collapse(_CONTROL.sub("", text))
        caption = clean_caption(text) if filters.caption_rule == "clean" else whole
        if filters.caption_rule == "drop" and whole is not None and (odd := _NOT_KEPT.search(whole)):
            return whole, Refusal("caption characters", f"{odd.group()!r} in {_shown(whole)}")
        if caption is None:
            if filters.require_caption:
                return None, Refusal(
                    "no caption", "it has none" if not whole else f"nothing is left of {_shown(whole)}"
                )
            if not whole:
                return None, None
        elif filters.min_caption is not None and len(caption) < filters.min_caption:
            return caption, Refusal(
                "caption too short", f"{len(caption)} characters, {filters.min_caption} are asked for"
            )
        elif filters.max_caption is not None and len(caption) > filters.max_caption:
            return caption, Refusal("caption too long", f"{len(caption)} characters, at most {filters.max_caption}")
        if self._language is not None and whole:
            language, certainty = self._language(whole)
            if language not in filters.languages and certainty >= filters.language_certainty:
                return caption, Refusal("caption language", f"{language}, {certainty:.2f} sure: {_shown(whole)}")
        return caption, None


def language_teller(languages: Sequence[str]) -> Callable[[str], tuple[str, float]]:
    """A function from text to its most likely language (ISO 639-1) and the probability of that.

    A word or two give a low one. Raises InvalidInput for ``languages`` that it does not know.
    """
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = sorted(str(label) for label in identifier.labels)
    unknown = sorted(set(languages) - set(known))
    if unknown:
        raise InvalidInput(
            f"The languages of captions must be among {', '.join(known)}. Got {', '.join(unknown)} instead."
        )

    def tell(text: str) -> tuple[str, float]:
        language, probability = identifier.classify(text)
        return str(language), float(probability)

    return tell


def _collapse(text: str) -> str | None:
    return _SPACE.sub(" ", text).strip() or None


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
