"""How tasks call the renderer, what all of them have in common, and where the campaigns are."""

from __future__ import annotations

import os
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

DEFAULTS = {"owner": "adloom", "retries": 2, "retry_delay": timedelta(seconds=5), "weight_rule": "upstream"}


class Final(AirflowFailException):
    """No retry can help; `cause` is what the renderer calls the error."""

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


def templates() -> Path:
    """Return the folder with the campaigns."""
    return Path(os.environ.get("ADLOOM_TEMPLATES_DIR", Path(__file__).parents[1] / "templates"))


def call(name: str, *facts: Any, module: str = "batches", **options: Any) -> Any:
    """Call a function of `renderer`, imported late: parsing must stay cheap. Tell Airflow if a retry can help."""
    from catalog.errors import CatalogError
    from renderer.errors import RenderError
    from renderer.settings import Settings

    try:
        return getattr(import_module(f"renderer.{module}"), name)(*facts, Settings.from_environment(), **options)
    except (CatalogError, RenderError) as error:
        if getattr(error, "retryable", False):
            raise
        raise Final(str(error), type(error).__name__) from None
