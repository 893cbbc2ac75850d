"""When a customer is reminded of undecided proofs: mornings in its own time zone, never twice on one day.

Source: domain.md, "Reminders". Clocks are set forward and back, and customers move between zones.
"""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
MAX_HOLIDAYS = 400
# A year has no weekday more than 53 times: a free one comes before so many days are over.
_SEARCH_DAYS = 7 * (MAX_HOLIDAYS + 3)


class Weekday(StrEnum):
    """In the order of `date.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK = tuple(Weekday)


class Mornings(BaseModel):
    """A customer's mornings: `hour` o'clock on its reminder days, holidays left out."""

    model_config = ConfigDict(frozen=True)

    time_zone: str
    hour: int = Field(ge=0, le=23)
    days: frozenset[Weekday] = frozenset(WEEK)
    holidays: frozenset[date] = frozenset()

    @cached_property
    def zone(self) -> ZoneInfo:
        """A zone that the tables no longer know counts as UTC: a late reminder is better than none."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    def takes(self, day: date) -> bool:
        return WEEK[day.weekday()] in self.days and day not in self.holidays

    def on(self, day: date) -> datetime | None:
        """The instant, in UTC, of the morning of `day`; None on a day that the zone left out.

        An hour that does not exist is the next instant that does, one that comes twice is its first.
        """
        wall = datetime(day.year, day.month, day.day, self.hour)  # noqa: DTZ001 - a clock on the wall
        first = self._first_instant(wall)
        if first.astimezone(self.zone).date() != day and self._left_out(day):
            return None
        return first

    def due(self, since: datetime, now: datetime, last: date | None) -> date | None:
        """The day whose digest is due at `now`: its morning lies after `since`, and this is still its day.

        `last` is the newest day whose digest went out. Mornings of days gone by are not made up for.
        """
        today = now.astimezone(self.zone).date()
        for day in (today, today - _DAY):
            morning = self._taken(day, last)
            if morning is None or morning.astimezone(self.zone).date() != today:
                continue
            if since < morning <= now:
                return day
        return None

    def following(self, now: datetime, last: date | None = None) -> datetime:
        """The first morning after `now`, in UTC.

        Raises:
            ValueError: no day of the coming years is a reminder day.
        """
        today = now.astimezone(self.zone).date()
        for days in range(-1, _SEARCH_DAYS):
            morning = self._taken(today + timedelta(days=days), last)
            if morning is not None and morning > now:
                return morning
        raise ValueError("no day is left on which this customer is reminded")

    def end_of(self, day: date) -> datetime:
        """The first instant of the next day, in UTC: a digest that could not be sent by then is given up."""
        midnight = datetime(day.year, day.month, day.day) + _DAY  # noqa: DTZ001 - a clock on the wall
        return self._first_instant(midnight)

    def _taken(self, day: date, last: date | None) -> datetime | None:
        if not self.takes(day) or (last is not None and day <= last):
            return None
        return self.on(day)

    def _first_instant(self, wall: datetime) -> datetime:
        """The first instant at which the zone's clocks show `wall` or, when they skip it, a later time."""
        readings = sorted(wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if readings[0] == readings[1] or self._shown(readings[0]) == wall:
            return readings[0]
        early, late = readings  # clocks jump forward between the two
        while late - early > _SECOND:
            middle = early + (late - early) // 2
            early, late = (early, middle) if self._shown(middle) >= wall else (middle, late)
        return late.replace(microsecond=0)

    def _shown(self, instant: datetime) -> datetime:
        return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)

    def _left_out(self, day: date) -> bool:
        """Samoa had no 30 December 2011."""
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a clock on the wall
        return self._shown(self._first_instant(midnight)).date() != day
