import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import acme


class Acme(unittest.TestCase):
    def test_a_request_has_its_turns(self):
        body = json.loads(acme.body("acme-1", [(False, "Hi")], 5))
        self.assertEqual(body, {"model": "acme-1", "turns": [{"bot": False, "text": "Hi"}], "limit": 5})

    def test_an_answer_is_read_as_it_comes(self):
        answer = acme.Answer()
        self.assertEqual(list(answer.read(b'data: {"text": "Gr\xc3')), [])
        self.assertEqual(list(answer.read(b'\xbc"}\n\n: nothing\n')), ["Grü"])
        self.assertRaises(acme.Broken, answer.end)
        self.assertEqual(list(answer.read(b'data: {"done": "end", "in": 1, "out": 2}\n\n'))[0]["done"], "end")
        answer.end()
        self.assertRaises(acme.Broken, list, answer.read(b"data: no JSON\n"))


if __name__ == "__main__":
    unittest.main()
