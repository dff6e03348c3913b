"""What to say to whom: products, locales, formats and campaigns in, variants out. No GPU, no network.

products.py, locales.py, formats.py read rows; campaign.py reads a template folder; expand.py joins them.
"""

from catalog.campaign import Brand, Look, Music
from catalog.errors import CatalogError, Problem
from catalog.expand import EndCard, Scene, Variant
from catalog.formats import Format, SafeArea
from catalog.locales import CaptionRules, Locale, SpokenMoney
from catalog.products import Money, Product, ProductImage

__all__ = [
    "Brand",
    "CaptionRules",
    "CatalogError",
    "EndCard",
    "Format",
    "Locale",
    "Look",
    "Money",
    "Music",
    "Problem",
    "Product",
    "ProductImage",
    "SafeArea",
    "Scene",
    "SpokenMoney",
    "Variant",
]
