"""Mornings of all zones of the world, on the days on which clocks are set, and of customers who move."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.reminders import WEEK, Mornings, Weekday

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
QUARTER = timedelta(minutes=15)  # every zone's clocks are set at a quarter of an hour
DAY = timedelta(days=1)
YEARS = range(2024, 2028)


def mornings(zone: str = "Europe/Berlin", hour: int = 8, **rest: object) -> Mornings:
    return Mornings.model_validate({"time_zone": zone, "hour": hour, **rest})


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    """What a clock on the wall of `zone` shows; its first time, when it shows it twice."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def days_of_change() -> dict[str, list[date]]:
    """Days of the years on which a zone's clocks are set, from noon to noon; of zones alike, one."""
    noons = [datetime(YEARS[0], 1, 1, 12, tzinfo=UTC) + DAY * n for n in range(366 * len(YEARS))]
    found: dict[tuple[timedelta | None, ...], str] = {}
    for zone in ZONES:
        found.setdefault(tuple(noon.astimezone(ZoneInfo(zone)).utcoffset() for noon in noons), zone)
    return {
        zone: [
            day
            for noon, before, after in zip(noons, offsets, offsets[1:], strict=False)
            if before != after
            for day in (noon.date(), noon.date() + DAY)
        ]
        for offsets, zone in found.items()
    }


def first_shown(zone: str, day: date) -> dict[datetime, datetime]:
    """When the zone's clocks first show each quarter of an hour of the day; at a gap's end, those skipped."""
    place, found = ZoneInfo(zone), dict[datetime, datetime]()
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) - QUARTER * 60
    before = instant.astimezone(place).replace(tzinfo=None)
    for _ in range(220):
        instant += QUARTER
        shown = instant.astimezone(place).replace(tzinfo=None)
        while before < shown:
            before += QUARTER
            found.setdefault(before, instant)
        before = shown
    return found


def test_in_every_zone_the_morning_is_the_first_instant_that_shows_its_hour_or_the_end_of_the_gap() -> None:
    changes = days_of_change()
    assert sum(bool(days) for days in changes.values()) > 30
    for zone, days in changes.items():
        for day in days:
            expected = first_shown(zone, day)
            for hour in range(24):
                wall = datetime.fromisoformat(f"{day}T{hour:02}:00")
                assert mornings(zone, hour).on(day) == expected[wall], (zone, day, hour)


def test_in_every_zone_an_ordinary_morning_is_at_its_hour() -> None:
    for zone in ZONES:
        found = mornings(zone).on(date(2026, 7, 15))
        assert found is not None
        shown = found.astimezone(ZoneInfo(zone))
        assert (shown.date(), shown.hour, shown.minute) == (date(2026, 7, 15), 8, 0), zone


@pytest.mark.parametrize(
    ("zone", "hour", "day", "expected"),
    [
        ("Europe/Berlin", 2, "2026-03-29", "2026-03-29T01:00"),  # skipped: 03:00 summer time
        ("Europe/Berlin", 2, "2026-10-25", "2026-10-25T00:00"),  # twice: summer time's
        ("Europe/Berlin", 8, "2026-03-28", "2026-03-28T07:00"),
        ("Europe/Berlin", 8, "2026-03-29", "2026-03-29T06:00"),
        ("Australia/Lord_Howe", 2, "2026-10-04", "2026-10-03T15:30"),  # half an hour is skipped
        ("America/Nuuk", 23, "2024-03-30", "2024-03-31T01:00"),  # the next instant is tomorrow's first
        ("Asia/Beirut", 0, "2026-03-29", "2026-03-28T22:00"),
    ],
)
def test_days_on_which_clocks_are_set(zone: str, hour: int, day: str, expected: str) -> None:
    found = mornings(zone, hour).on(date.fromisoformat(day))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_day_that_the_zone_left_out_has_no_morning() -> None:
    samoa = mornings("Pacific/Apia")
    assert samoa.on(date(2011, 12, 30)) is None
    assert samoa.following(at("2011-12-29T12:00", "Pacific/Apia")) == at("2011-12-31T08:00", "Pacific/Apia")


def test_a_zone_that_nobody_knows_any_more_counts_as_utc() -> None:
    assert mornings("Mars/Olympus").on(date(2026, 7, 15)) == datetime(2026, 7, 15, 8, tzinfo=UTC)


# --- which days ------------------------------------------------------------------------------------


def test_weekends_and_holidays_are_left_out_where_the_customer_wants_it() -> None:
    weekdays = [day for day in Weekday if day not in {Weekday.SAT, Weekday.SUN}]
    of_office = mornings(days=weekdays, holidays=["2026-12-24", "2026-12-25"])
    now, found = at("2026-12-23T09:00"), []
    for _ in range(3):
        now = of_office.following(now)
        found.append(now.date().isoformat())
    assert found == ["2026-12-28", "2026-12-29", "2026-12-30"]
    assert mornings().following(at("2026-12-23T09:00")) == at("2026-12-24T08:00")


def test_the_week_is_in_the_order_of_the_calendar() -> None:
    assert [day.value for day in WEEK] == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    assert mornings(days=["mon"]).takes(date(2026, 11, 23))  # a Monday
    assert not mornings(days=["mon"]).takes(date(2026, 11, 22))


def test_a_year_of_holidays_does_not_end_the_search() -> None:
    first = date(2026, 11, 23)
    mondays = [first + timedelta(days=7 * week) for week in range(400)]
    only = mornings(days=["mon"], holidays=mondays)
    assert only.following(at("2026-11-22T12:00")).date() == first + timedelta(days=7 * 400)


def test_without_any_day_the_search_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="no day is left"):
        mornings(days=[]).following(at("2026-11-22T12:00"))


# --- what is due -----------------------------------------------------------------------------------

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)


@pytest.mark.parametrize(
    ("since", "now", "expected"),
    [
        ("2026-11-23T07:00", "2026-11-23T07:59", None),
        ("2026-11-23T07:00", "2026-11-23T08:00", MONDAY),
        ("2026-11-23T08:00", "2026-11-23T08:00", None),  # sent this very moment
        ("2026-11-23T10:00", "2026-11-23T11:00", None),
        ("2026-11-22T09:00", "2026-11-23T15:00", MONDAY),  # the worker was down in the morning
        ("2026-11-22T09:00", "2026-11-25T15:00", WEDNESDAY),  # for three mornings: one digest
        ("2026-11-22T09:00", "2026-11-25T03:00", None),  # and back at night: not before the next morning
    ],
)
def test_a_morning_is_due_once_it_has_come_and_until_its_day_is_over(
    since: str, now: str, expected: date | None
) -> None:
    assert mornings().due(at(since), at(now), None) == expected


def test_a_day_whose_digest_went_out_is_not_due_again_at_another_hour() -> None:
    later = mornings(hour=14)
    assert later.due(at("2026-11-23T08:00"), at("2026-11-23T14:00"), MONDAY) is None
    assert later.following(at("2026-11-23T10:00"), MONDAY) == at("2026-11-24T14:00")
    assert later.due(at("2026-11-23T08:00"), at("2026-11-23T14:00"), None) == MONDAY


def test_an_hour_that_is_moved_forward_does_not_lose_the_day() -> None:
    """At half past eight, from nine to eight."""
    assert mornings(hour=8).due(at("2026-11-22T09:00"), at("2026-11-23T08:30"), date(2026, 11, 22)) == MONDAY


def test_a_customer_who_moves_is_reminded_in_the_morning_of_the_new_place() -> None:
    berlin = at("2026-11-23T08:00")
    lisbon = mornings("Europe/Lisbon")
    assert lisbon.due(at("2026-11-22T08:00"), berlin, None) is None  # seven o'clock there
    assert lisbon.following(berlin) == berlin + timedelta(hours=1)
    tokyo = mornings("Asia/Tokyo")
    assert tokyo.due(at("2026-11-22T08:00"), berlin, None) == MONDAY  # already afternoon there


@pytest.mark.parametrize("hour", [0, 8, 23])
def test_a_digest_may_be_late_until_midnight_of_its_day(hour: int) -> None:
    assert mornings(hour=hour).end_of(MONDAY) == at("2026-11-24T00:00")
    assert mornings("Asia/Beirut").end_of(date(2026, 3, 28)) == at("2026-03-29T01:00", "Asia/Beirut")


NOW = datetime(2026, 3, 20, tzinfo=UTC)
PLACES = st.sampled_from(
    ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati", "America/Nuuk", "UTC"]
)
STEPS = st.lists(
    st.tuples(
        st.integers(1, 60 * 40), PLACES, st.integers(0, 23), st.sets(st.sampled_from(WEEK), min_size=1)
    ),
    max_size=60,
)


@settings(max_examples=100)
@given(STEPS)
def test_whenever_anybody_looks_and_wherever_the_customer_moves_no_day_comes_twice(
    steps: list[tuple[int, str, int, set[Weekday]]],
) -> None:
    since, now, last = NOW, NOW, None
    seen: list[date] = []
    for minutes, zone, hour, days in steps:
        now += timedelta(minutes=minutes)
        place = mornings(zone, hour, days=days)
        assert place.following(now, last) > now
        day = place.due(since, now, last)
        if day is not None:
            assert place.takes(day)
            seen.append(day)
            since, last = now, day
    assert seen == sorted(set(seen))


@settings(max_examples=100)
@given(PLACES, st.integers(0, 23), st.integers(0, 365 * 24 * 60))
def test_who_sleeps_until_the_following_morning_finds_it_due(zone: str, hour: int, minutes: int) -> None:
    place, now = mornings(zone, hour), NOW + timedelta(minutes=minutes)
    following = place.following(now)
    day = place.due(now, following, None)
    assert day is not None
    assert place.on(day) == following
    assert place.due(now, following - timedelta(seconds=1), None) is None
    assert place.due(now, place.end_of(day) - timedelta(seconds=1), None) == day or hour == 23
