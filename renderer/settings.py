"""What the machine decides, read once from the environment (`ADLOOM_*`), strictly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from renderer.errors import SettingsError

PREFIX = "ADLOOM_"


class Settings(BaseModel):
    """Where things are and how much of the machine to use. `ADLOOM_STORE_URL` sets `store_url`, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_url: str = Field(default="file://build/store", description="s3://bucket/prefix or file://folder")
    publish_url: str = Field(default="", description="where finished ads go; empty: `published/` in the store")
    build_dir: Path = Field(default=Path("build"), description="local files: caches, services, galleries")
    templates_dir: Path = Field(default=Path("templates"), description="the folder with the campaigns")
    workers: int = Field(default=os.cpu_count() or 1, ge=1, le=512, description="processes of one stage")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where video models run")
    font_dirs: str = Field(default="", description="folders with your own fonts, separated by ':'")
    batches: int = Field(default=16, ge=1, le=64, description="most batches of one run, each a row of Airflow's grid")
    gpu_hour_usd: float = Field(default=3.0, ge=0, description="price of one GPU hour, for estimates only")
    s3_port: int = Field(default=8333, ge=1024, le=65535, description="port of the local S3 server")
    airflow_port: int = Field(default=8080, ge=1024, le=65535, description="port of the local Airflow")
    airflow_db: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in build/airflow")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read every `ADLOOM_*` variable.

        Raises:
            SettingsError: a variable is unknown or its value does not fit.
        """
        given = {
            name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None

    @property
    def font_folders(self) -> tuple[Path, ...]:
        """The folders whose fonts come before the embedded ones."""
        return tuple(Path(folder) for folder in self.font_dirs.split(":") if folder)

    @property
    def cache_dir(self) -> Path:
        """Where objects of a remote store are kept after fetching."""
        return self.build_dir / "cache"


def _sentence(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else ""
    if problem["type"] == "extra_forbidden":
        known = ", ".join(f"{PREFIX}{field.upper()}" for field in Settings.model_fields)
        return f"{PREFIX}{name.upper()}: there is no such setting. Known: {known}."
    field = Settings.model_fields[name]
    return f"{PREFIX}{name.upper()}: {problem['msg']}, got {problem['input']!r}. Expected: {field.description}."
