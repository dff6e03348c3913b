"""What the machine decides, read once from the environment (`ADLOOM_*`), strictly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from catalog.campaign import Channel
from renderer.errors import SettingsError
from renderer.licences import LICENCES, Deployer

PREFIX = "ADLOOM_"
PIN = re.compile(r"[^=]+=[0-9a-f]{40}")


class Settings(BaseModel):
    """Where things are and how much of the machine to use. `ADLOOM_STORE_URL` sets `store_url`, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store_url: str = Field(default="file://build/store", description="s3://bucket/prefix or file://folder")
    publish_url: str = Field(default="", description="where finished ads go; empty: `published/` in the store")
    public_url: str = Field(
        default="", description="where the world finds that place, such as https://cdn.example.com/ads; empty: nowhere"
    )
    build_dir: Path = Field(default=Path("build"), description="local files: caches, services, galleries")
    templates_dir: Path = Field(default=Path("templates"), description="the folder with the campaigns")
    workers: int = Field(default=os.cpu_count() or 1, ge=1, le=512, description="processes of one stage")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where video models run")
    engine: Literal["local", "ray"] = Field(default="local", description="what runs generate: this machine, or Ray")
    ray_address: str = Field(default="", description="a Ray cluster, host:port; empty: RAY_ADDRESS, or this machine")
    ray_jobs_url: str = Field(
        default="",
        description="dashboard of a Ray cluster, http://head:8265, that Airflow gives generate to; empty: none",
    )
    models_dir: Path | None = Field(
        default=None, description="folder with the weights of video models, each by its name"
    )
    download_models: bool = Field(default=False, description="whether missing weights are fetched from the hub")
    model_revisions: str = Field(
        default="", description="commits of weights on the hub that must be used, as model=commit, separated by ','"
    )
    voices_dir: Path | None = Field(default=None, description="folder with Piper voices and your own Kokoro files")
    speech_url: str = Field(
        default="", description="speech service with OpenAI's interface, such as https://api.openai.com/v1; empty: none"
    )
    speech_model: str = Field(
        default="tts-1", min_length=1, description="the model that the speech service speaks with"
    )
    speech_key_variable: str = Field(
        default="OPENAI_API_KEY", description="name of the environment variable that holds the speech service's key"
    )
    speech_languages: str = Field(
        default="", description="languages the speech service is used for, such as 'de,ar'; empty: all"
    )
    speech_grade: Literal["natural", "basic", "draft"] = Field(
        default="basic", description="how well the speech service speaks, as you found it: natural, basic or draft"
    )
    speech_timeout_s: float = Field(
        default=60.0, gt=0, le=600, description="how long to wait for one answer of a voice"
    )
    speech_requests_per_s: float = Field(
        default=5.0, ge=0.1, le=1000, description="most requests to one speech service from this machine"
    )
    polly_engine: Literal["standard", "neural", "long-form", "generative"] = Field(
        default="neural", description="Amazon Polly's engine: standard, neural, long-form or generative"
    )
    polly_url: str = Field(default="", description="another address than Amazon Polly's own; empty: AWS")
    script_url: str = Field(
        default="",
        description="language model with OpenAI's chat interface, such as https://api.openai.com/v1; empty: none",
    )
    script_model: str = Field(default="", description="the language model that drafts copy, by its service's name")
    script_key_variable: str = Field(
        default="OPENAI_API_KEY", description="name of the environment variable that holds the language model's key"
    )
    script_timeout_s: float = Field(
        default=120.0, gt=0, le=600, description="how long to wait for one answer of the language model"
    )
    script_requests_per_s: float = Field(
        default=2.0, ge=0.01, le=1000, description="most requests to the language model from this machine"
    )
    script_max_tokens: int = Field(
        default=2000, ge=16, le=100_000, description="longest answer of the language model, with what it thinks"
    )
    font_dirs: str = Field(default="", description="folders with your own fonts, separated by ':'")
    batches: int = Field(default=16, ge=1, le=64, description="most batches of one run, each a row of Airflow's grid")
    gpu_hour_usd: float = Field(default=3.0, ge=0, description="price of one GPU hour")
    review_media: Literal["stream", "signed"] = Field(
        default="stream", description="how ads reach reviewers: through Airflow's server, or by signed S3 addresses"
    )
    s3_port: int = Field(default=8333, ge=1024, le=65535, description="port of the local S3 server")
    airflow_port: int = Field(default=8080, ge=1024, le=65535, description="port of the local Airflow")
    airflow_db: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in build/airflow")
    notify: str = Field(
        default="",
        description="who is told of runs that wait or fail: webhook, slack, mail:<address>, with ','",
    )
    watch_cron: str = Field(default="*/5 * * * *", description="when Airflow looks for changed catalogs, as cron, UTC")
    accepted_licences: str = Field(default="", description="licences of models that you read, separated by ','")
    licence_agreements: str = Field(default="", description="licences you have an own agreement for, separated by ','")
    territory: str = Field(default="", description="the country you are in, ISO 3166-1, such as CH")
    annual_revenue_usd: int | None = Field(default=None, ge=0, description="your revenue of a year, for licences")

    @field_validator("accepted_licences", "licence_agreements")
    @classmethod
    def _known_licences(cls, names: str) -> str:
        if unknown := [name for name in _listed(names) if name not in LICENCES]:
            raise ValueError(f"there is no licence {', '.join(unknown)}; known are {', '.join(LICENCES)}")
        return names

    @field_validator("notify")
    @classmethod
    def _known_channels(cls, names: str) -> str:
        TypeAdapter(tuple[Channel, ...]).validate_python(_listed(names))
        return names

    @field_validator("model_revisions")
    @classmethod
    def _whole_commits(cls, pins: str) -> str:
        if wrong := [pin for pin in _listed(pins) if not PIN.fullmatch(pin)]:
            raise ValueError(f"{wrong[0]} is no model=commit such as svd=0a1b… (40 digits and letters a to f)")
        models = [pin.partition("=")[0] for pin in _listed(pins)]
        if twice := [name for name in models if models.count(name) > 1]:
            raise ValueError(f"{twice[0]} has two commits")
        return pins

    @field_validator("public_url", "ray_jobs_url", "speech_url", "polly_url", "script_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("this is no web address")
        return url

    @field_validator("speech_url", "script_url")
    @classmethod
    def _without_key(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.query or "@" in parts.netloc:
            raise ValueError("an address stands in records and logs; leave user, password and query out")
        return url.rstrip("/")

    @field_validator("territory")
    @classmethod
    def _known_territory(cls, code: str) -> str:
        if code and code not in _countries():
            raise ValueError("this is no country's code of two letters")
        return code

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
    def service_languages(self) -> tuple[str, ...]:
        """The languages that the speech service is used for; empty: all."""
        return _listed(self.speech_languages)

    @property
    def channels(self) -> tuple[str, ...]:
        """Who is told of runs of campaigns that name nobody."""
        return _listed(self.notify)

    @property
    def pinned_revisions(self) -> dict[str, str]:
        """The commits of weights by model."""
        return dict(pin.split("=", 1) for pin in _listed(self.model_revisions))

    @property
    def deployer(self) -> Deployer:
        """Who makes the ads, as licences ask."""
        return Deployer(
            accepted=_listed(self.accepted_licences),
            agreements=_listed(self.licence_agreements),
            territory=self.territory,
            annual_revenue_usd=self.annual_revenue_usd,
        )

    @property
    def cache_dir(self) -> Path:
        """Where objects of a remote store are kept after fetching."""
        return self.build_dir / "cache"


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


@cache
def _countries() -> frozenset[str]:
    """Return the codes of countries; CLDR's list also has groups of them (EU, UN), continents and made-up ones."""
    from babel import Locale

    codes = map(str, Locale("en").territories)
    return frozenset(code for code in codes if len(code) == 2) - {"EU", "EZ", "UN", "XA", "XB", "ZZ"}


def _sentence(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    name = str(location[0]) if isinstance(location, tuple) and location else ""
    if problem["type"] == "extra_forbidden":
        known = ", ".join(f"{PREFIX}{field.upper()}" for field in Settings.model_fields)
        return f"{PREFIX}{name.upper()}: there is no such setting. Known: {known}."
    field = Settings.model_fields[name]
    message = str(problem["msg"]).removeprefix("Value error, ")
    got = "" if name in ("speech_url", "script_url") else f", got {problem['input']!r}"  # it may hold a password
    return f"{PREFIX}{name.upper()}: {message}{got}. Expected: {field.description}."
