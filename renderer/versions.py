"""The code version of each stage. Raise one when the same input now gives other bytes: all it made is made anew."""

CODE_VERSIONS = {
    "generate": 3,
    "narrate": 2,
    "caption": 2,
    "compose": 13,
    "check": 3,
}


def checked_key(creative_key: str) -> str:
    """Return where the store keeps what was measured about a creative; other rules measure it anew."""
    return f"checks/{CODE_VERSIONS['check']}/{creative_key}.json"
