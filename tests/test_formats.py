"""Formats come from data that is checked, with a source for every row."""

from importlib.resources import files

import pytest

from catalog.errors import CatalogError
from catalog.formats import read_formats

OWN = (files("catalog") / "data" / "formats.yaml").read_text(encoding="utf-8")


def changed(folder, old, new):
    """The own file with one passage changed, and the problems that this makes."""
    assert OWN.count(old) >= 1
    path = folder / "formats.yaml"
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        read_formats(path)
    return [str(problem) for problem in caught.value.problems], OWN[: OWN.index(old)].count("\n") + 1


def test_the_own_formats_are_flawless():
    """Four shapes, each with source and date."""
    formats = read_formats()

    assert {name: (wanted.width, wanted.height) for name, wanted in formats.items()} == {
        "story_9x16": (1080, 1920),
        "feed_4x5": (1080, 1350),
        "square_1x1": (1080, 1080),
        "wide_16x9": (1920, 1080),
    }
    assert all(wanted.id == name and wanted.source and wanted.as_of.year >= 2026 for name, wanted in formats.items())


def test_stories_keep_clear_of_every_platform():
    """The box that clears YouTube, Meta and TikTok is 768 x 960 pixels."""
    story = read_formats()["story_9x16"]
    area = story.safe_area

    assert (story.width - area.left - area.right, story.height - area.top - area.bottom) == (768, 960)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "  width: 1080",
            "  width: 1081",
            "story_9x16.width: 1081 is odd, but H.264 halves colour. Write 1080 or 1082.",
        ),
        ("  height: 1920", "  height: 0", "story_9x16.height: '0' does not fit. Write greater than 0."),
        ("  frame_rate: 30", "  frame_rate: thirty", "story_9x16.frame_rate: 'thirty' does not fit."),
        (
            "  min_duration_s: 5",
            "  min_duration_s: 90",
            "story_9x16.min_duration_s: 90 is above the maximum. Swap the two.",
        ),
        (
            "  loudness_lufs: -14",
            "  loudness_lufs: 14",
            "story_9x16.loudness_lufs: 14 is above full scale. Write a negative number.",
        ),
        ("bottom: 672", "bottom: 1700", "story_9x16.safe_area: leaves nothing to write on."),
        ("top: 288", "top: -1", "story_9x16.safe_area.top: '-1' does not fit."),
        (
            "  max_size_mb: 200",
            "  max_size: 200",
            "story_9x16.max_size: is not a field. Write 'max_size_mb', or remove it.",
        ),
        (
            "  placements: [meta_feed]",
            "  placements: []",
            "feed_4x5.placements: is empty. Name at least one placement.",
        ),
        ("feed_4x5:", "Feed 4x5:", "Feed 4x5: 'Feed 4x5' is no name. Use small letters, digits and _."),
        ("  as_of: 2026-11-22", "  as_of: last week", "story_9x16.as_of: 'last week' does not fit."),
    ],
)
def test_a_wrong_format_is_named_with_its_line(tmp_path, old, new, message):
    """File, line, dotted name, fact and cure."""
    problems, line = changed(tmp_path, old, new)

    assert any(problem.startswith(f"formats.yaml:{line}: {message}") for problem in problems), problems
