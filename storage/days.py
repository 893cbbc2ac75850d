"""Days of UTC as the instants that bound them."""

from datetime import UTC, date, datetime, time, timedelta


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """The first instant after the day; of the last day there is, its last."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return start_of(day + timedelta(days=1))
