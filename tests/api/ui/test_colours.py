"""The tokens of the style sheet: text can be read on every ground, and states differ for every eye."""

from __future__ import annotations

import re
from itertools import combinations
from typing import Final

import pytest

from saga.api.ui.assets import assets

CONTRAST_MIN: Final = 4.5  # WCAG 2.2 AA, for text
CONTRAST_OF_LINES_MIN: Final = 3.0  # for what is not text
DISTANCE_MIN: Final = 11.0  # CIE76 in Lab, between the colours of two states
STATES: Final = ("running", "ok", "undoing", "person", "finding")
LOOKS: Final = (*STATES, "idle", "text")
"""Every colour that a state has: what waits is idle, and what was rejected is written as text."""
Colour = tuple[float, float, float]

CSS: Final = assets()["saga.css"].plain.decode()
SEEN_BY: Final[dict[str, tuple[Colour, Colour, Colour]]] = {  # Machado, Oliveira, Fernandes 2009, severity 1
    "full colour vision": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def tokens(theme: str) -> dict[str, Colour]:
    blocks = re.findall(r":root(\[data-theme=dark\])? \{([^}]*)\}", CSS)
    found: dict[str, Colour] = {}
    for is_dark, block in blocks:
        if not is_dark or theme == "dark":
            found |= {name: _linear(value) for name, value in re.findall(r"--([\w-]+): #([0-9a-f]{3,6});", block)}
    return found


def _linear(text: str) -> Colour:
    wide = text if len(text) == 6 else "".join(2 * digit for digit in text)
    values = [int(wide[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values)
    return red, green, blue


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def lab(colour: Colour, eye: str) -> Colour:
    red, green, blue = (
        min(max(sum(weight * part for weight, part in zip(row, colour, strict=True)), 0.0), 1.0) for row in SEEN_BY[eye]
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(theme: str) -> None:
    found = tokens(theme)

    for text in ("text", "muted", "running"):
        for ground in ("bg", "panel"):
            assert contrast(found[text], found[ground]) >= CONTRAST_MIN, (text, ground)
    for state in (*STATES, "idle"):
        for ground in ("bg", "panel", f"{state}-tint"):
            assert contrast(found[state], found[ground]) >= CONTRAST_MIN, (state, ground)
        assert contrast(found["text"], found[f"{state}-tint"]) >= CONTRAST_MIN
        assert contrast(found["muted"], found[f"{state}-tint"]) >= CONTRAST_MIN, state
    for text in ("running", "person"):  # a link and a fault in the plan of an action, which has this ground
        assert contrast(found[text], found["undoing-tint"]) >= CONTRAST_MIN, text
    assert contrast(found["on-person"], found["person"]) >= CONTRAST_MIN
    assert contrast(found["bg"], found["running"]) >= CONTRAST_MIN


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_that_mean_something_can_be_seen(theme: str) -> None:
    found = tokens(theme)

    assert contrast(found["line"], found["bg"]) >= CONTRAST_OF_LINES_MIN
    assert contrast(found["line"], found["panel"]) >= CONTRAST_OF_LINES_MIN


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("eye", SEEN_BY)
def test_two_states_never_look_the_same(theme: str, eye: str) -> None:
    found = tokens(theme)

    for one, other in combinations(LOOKS, 2):
        distance = sum((a - b) ** 2 for a, b in zip(lab(found[one], eye), lab(found[other], eye), strict=True)) ** 0.5
        assert distance >= DISTANCE_MIN, (one, other, distance)


def test_both_ways_into_the_dark_have_the_same_colours() -> None:
    dark = re.findall(r"(?:not\(\[data-theme=light\]\)|data-theme=dark\]) \{([^}]*)\}", CSS)

    assert len(dark) == 2
    assert len({tuple(re.findall(r"--[\w-]+: #[0-9a-f]+", block)) for block in dark}) == 1
