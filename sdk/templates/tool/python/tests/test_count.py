import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from count import Wrong, count


class Count(unittest.TestCase):
    def test_characters_are_not_bytes(self):
        self.assertEqual(count("Grüße, Welt\n😀 ✓"), {"characters": 15, "words": 4, "lines": 2})

    def test_nothing_is_refused(self):
        self.assertRaises(Wrong, count, "")


if __name__ == "__main__":
    unittest.main()
