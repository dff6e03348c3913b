"""Text normalization: what a voice would have to guess is annotated with how people say it; see scan.py."""

from catalog.normalization.scan import Normalizer, normalize

__all__ = ["Normalizer", "normalize"]
