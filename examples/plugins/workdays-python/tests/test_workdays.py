import sys
import unittest
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from workdays import Calendar, Wrong, day


class WorkingDays(unittest.TestCase):
    def test_weekends_and_holidays_are_not_counted(self):
        calendar = Calendar(holidays=["2026-12-25"])
        self.assertEqual(calendar.between(date(2026, 12, 21), date(2026, 12, 27)), 4)
        self.assertEqual(calendar.between(date(2026, 12, 25), date(2026, 12, 25)), 0)

    def test_a_week_elsewhere(self):
        calendar = Calendar(weekend=["friday", "saturday"])
        self.assertTrue(calendar.works(date(2026, 11, 29)))
        self.assertFalse(calendar.works(date(2026, 11, 27)))

    def test_days_are_added_and_taken_away(self):
        calendar = Calendar()
        self.assertEqual(calendar.after(date(2026, 11, 26), 2), date(2026, 11, 30))
        self.assertEqual(calendar.after(date(2026, 11, 30), -2), date(2026, 11, 26))
        self.assertEqual(calendar.after(date(2026, 11, 28), 0), date(2026, 11, 28))

    def test_what_is_wrong_is_said(self):
        for wrong in [
            lambda: day("26.11.2026", "first"),
            lambda: Calendar(weekend=["sunnyday"]),
            lambda: Calendar(weekend=[
                "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
            ]),
            lambda: Calendar().between(date(2026, 1, 2), date(2026, 1, 1)),
            lambda: Calendar().after(date(9999, 12, 30), 5),
        ]:
            with self.assertRaises(Wrong):
                wrong()


if __name__ == "__main__":
    unittest.main()
