"""Makes no DAG: shows the campaigns that cannot be read as an import error of Airflow, with file, line and cure.

Airflow keeps one error per file and puts every DAG of such a file away, so it must not be the file of the others.
"""

from __future__ import annotations

from renderer_calls import templates

from catalog.campaign_file import read_campaigns
from catalog.errors import CatalogError

if problems := read_campaigns(templates())[1]:
    raise CatalogError(problems)
