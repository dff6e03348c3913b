"""Times of scheduled campaigns: the slots of a cron expression inside a flight, none of them made up for later.

This is a plugin because the scheduler reads timetables from this folder only.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable

# so late a slot still counts, of frequent ones a tenth of the way to the next: a scheduler that was down begins
# what it missed just now; Airflow's own timetable would after any pause
LATE = timedelta(hours=1)
LATE_SHARE = 10


class FlightTimetable(CronTriggerTimetable):
    """The slots of `cron` on the days from `start` to `end` (ISO dates, both included, empty: open)."""

    def __init__(self, cron: str, timezone: Any, start: str = "", end: str = "") -> None:
        super().__init__(cron, timezone=timezone)
        self.start, self.end = start, end
        days = f" from {start}" * bool(start) + f" until {end}" * bool(end)
        self.description = f"{self.description}{days}"

    def serialize(self) -> dict[str, Any]:
        """Return what `deserialize` needs."""
        return {"cron": self._expression, "timezone": str(self._timezone.name), "start": self.start, "end": self.end}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> FlightTimetable:
        """Return the timetable again."""
        return cls(**data)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next slot that is not over, or None where the flight is; `restriction` says nothing of ours."""
        now = coerce_datetime(utcnow())
        last, coming = self._align_to_prev(now), self._get_next(now)
        slot = last if now - last <= min(LATE, (coming - last) / LATE_SHARE) else coming
        if self.start and self._day(slot) < date.fromisoformat(self.start):
            slot = self._get_next(self._second_before_start())
        if last_automated_data_interval is not None and slot <= last_automated_data_interval.end:
            slot = self._get_next(last_automated_data_interval.end)
        if self.end and self._day(slot) > date.fromisoformat(self.end):
            return None
        return DagRunInfo.interval(slot, slot)

    def _day(self, moment: Any) -> date:
        return moment.in_timezone(self._timezone).date()

    def _second_before_start(self) -> Any:
        from pendulum import datetime as moment

        day = date.fromisoformat(self.start)
        return moment(day.year, day.month, day.day, tz=self._timezone) - timedelta(seconds=1)


class FlightPlugin(AirflowPlugin):
    """Makes the timetable known to Airflow."""

    name = "adloom_flight"
    timetables: ClassVar[list[type]] = [FlightTimetable]
