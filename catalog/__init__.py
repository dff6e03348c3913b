"""What to say to whom: products, locales, formats and campaigns in, variants out. No GPU, no network.

These are the records. Readers and functions stay in their modules: `inputs.read_inputs` reads a campaign folder with
all that it names, `combine.combine` lists what it asks for, `expand.expand` renders it.
"""

from catalog.campaign import Brand, Campaign, Captions, Look, Music, Sample
from catalog.caption_rules import CaptionRules
from catalog.errors import CatalogError, Problem
from catalog.formats import Format, SafeArea
from catalog.locales import Locale, SpokenMoney
from catalog.money import Money
from catalog.products import Product, ProductImage
from catalog.variant import EndCard, Refusal, Scene, Variant

__all__ = [
    "Brand",
    "Campaign",
    "CaptionRules",
    "Captions",
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
    "Refusal",
    "SafeArea",
    "Sample",
    "Scene",
    "SpokenMoney",
    "Variant",
]
