"""Working days between dates. Nothing here knows of the host: it is tested by itself."""

from datetime import date, timedelta

WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
# Most days that are walked through: about 270 years.
FARTHEST = 100_000


class Wrong(Exception):
    """What a model, or an operator, can mend."""


class Calendar:
    """Which days are worked on."""

    def __init__(self, weekend=("saturday", "sunday"), holidays=()):
        unknown = [name for name in weekend if name not in WEEK]
        if unknown:
            raise Wrong(f"weekend: {unknown[0]!r} is none of {', '.join(WEEK)}")
        self.weekend = {WEEK.index(name) for name in weekend}
        self.holidays = {day(text, "holidays") for text in holidays}
        if len(self.weekend) == len(WEEK):
            raise Wrong("weekend: a week without a working day")

    def works(self, when):
        return when.weekday() not in self.weekend and when not in self.holidays

    def between(self, first, last):
        """How many working days there are from `first` to `last`, both included."""
        if last < first:
            raise Wrong("`last` is before `first`")
        count = (last - first).days + 1
        if count > FARTHEST:
            raise Wrong(f"the dates are more than {FARTHEST} days apart")
        return sum(self.works(first + timedelta(days=n)) for n in range(count))

    def after(self, start, days):
        """The day that is so many working days after `start`, or before it where `days` is negative."""
        step = timedelta(days=1 if days >= 0 else -1)
        left, walked = abs(days), 0
        while left:
            try:
                start += step
            except OverflowError:
                walked = FARTHEST
            walked += 1
            if walked > FARTHEST:
                raise Wrong(f"`days`: more than {FARTHEST} days away")
            left -= self.works(start)
        return start


def day(text, field):
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Wrong(f"`{field}`: {text!r} is no date such as 2026-11-26") from None
