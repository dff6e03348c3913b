"""When a campaign runs: a cron expression with its time zone, and the days of its flight."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

MADE_UP = re.compile(r"\b[RH]\b")  # croniter's own: a random minute, another one at every reading


class Schedule(BaseModel):
    """When runs begin: five cron fields (minute, hour, day, month, weekday), read in an IANA time zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: str
    timezone: str = "UTC"

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        if len(cron.split()) != 5 or MADE_UP.search(cron.upper()):
            raise ValueError("write five fields: minute, hour, day, month, weekday, such as '0 6 * * MON'")
        if not croniter.is_valid(cron):
            raise ValueError("a field is outside its range; write minute, hour, day, month, weekday")
        if not croniter.is_valid(cron, strict=True):
            raise ValueError("no month has such a day; write one that comes")
        return cron

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("there is no such time zone; write one such as Europe/Berlin or UTC")
        return name


class Flight(BaseModel):
    """The days on which a campaign's ads are made, both included; a side that is left out is open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date | None = None
    end: date | None = None

    @field_validator("end")
    @classmethod
    def _not_before_its_start(cls, end: date | None, others: ValidationInfo) -> date | None:
        start = others.data.get("start")
        if end is not None and start is not None and end < start:
            raise ValueError(f"the flight starts on {start}; write a day from then on")
        return end

    def covers(self, moment: datetime, timezone: str = "UTC") -> bool:
        """Tell whether `moment` (aware) lies on a day of the flight, as days are in `timezone`."""
        day = moment.astimezone(ZoneInfo(timezone)).date()
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)
