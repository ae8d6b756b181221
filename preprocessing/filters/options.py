"""The switches of the filters, as a recipe says them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from preprocessing.section import Section


class FilterSection(Section):
    """Which images are kept. What cannot be decoded is never kept: nothing could be done with it."""

    min_size: Annotated[int, Field(ge=1, description="Shortest side of an image that is kept, in pixels.")] = 32
    max_megapixels: Annotated[float, Field(gt=0, le=50, description="Largest image that is kept.")] = 50.0
    max_aspect: Annotated[float | None, Field(ge=1, description="Longer side / shorter side, at most.")] = None
    duplicates: Annotated[
        Literal["drop", "list"],
        Field(description="Exact copies: only dropped, or also listed in the column 'copies' of the one that is kept."),
    ] = "drop"
    near_duplicates: Annotated[
        Literal["off", "group", "drop"],
        Field(description="Images that look alike: not looked for, grouped in the column 'alike', or only one kept."),
    ] = "off"
    near_distance: Annotated[
        int, Field(ge=0, le=16, description="Bits of 64 in which the perceptual hashes of alike images may differ.")
    ] = 4
    caption_rule: Annotated[
        Literal["clean", "drop", "off"],
        Field(description="Characters outside the published set: taken out, a reason to drop the image, or left."),
    ] = "clean"
    require_caption: Annotated[bool, Field(description="Drop images without a caption.")] = False
    min_caption: Annotated[int | None, Field(ge=1, description="Fewest characters of a caption.")] = None
    max_caption: Annotated[int | None, Field(ge=1, description="Most characters of a caption.")] = None
    languages: Annotated[
        list[Annotated[str, Field(pattern="^[a-z]{2,3}$")]],
        Field(default_factory=list, description="ISO 639-1 codes; captions in another are dropped. Empty: any."),
    ]
    language_certainty: Annotated[
        float, Field(ge=0, le=1, description="Probability of another language from which on an image is dropped.")
    ] = 0.5
    texts: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(default_factory=list, description="Drop what looks like one of these ('watermark') by its embedding."),
    ]
    text_threshold: Annotated[
        float, Field(gt=0, lt=1, description="Probability of a text, against an ordinary photo, from which on to drop.")
    ] = 0.5
