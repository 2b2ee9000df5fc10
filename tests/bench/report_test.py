#!/usr/bin/env python3
"""Figures judge themselves by their bars, ratios are medians within a round, and the README's tables are what was measured."""
import contextlib
import io
import json
import unittest

from report import BEGIN, END, HERE, Figure, median_ratio, print_figures, render

FOUND = {"machine": {"cores": 2, "cpu": "a CPU", "memory_gib": 4.0, "kernel": "6.1", "system": "Debian", "compiler": "g++", "grpc": "1.51",
                     "openssl": "OpenSSL 3", "python": "3.11", "load_before": 0.1},
         "commit": "abc", "how": "Once.", "rows": {}, "figures": [{"name": "x", "value": 1.5, "bar": "<= 2", "what": "a thing", "spoiled": ""}]}


class ReportTest(unittest.TestCase):
    def test_a_bar_is_met_or_not(self):
        self.assertTrue(Figure("x", 1.25, "<= 1.25", "").met)
        self.assertFalse(Figure("x", 1.26, "<= 1.25", "").met)
        self.assertTrue(Figure("x", 30, ">= 30", "").met)
        self.assertFalse(Figure("x", 2, "== 1", "").met)
        self.assertIsNone(Figure("x", 2, "", "").met)

    def test_no_number_and_a_spoiled_one_meet_no_bar(self):
        self.assertFalse(Figure("x", None, "<= 1", "").met)
        spoiled = Figure("x", 0.5, "<= 1", "", "3 requests failed")
        self.assertFalse(spoiled.met)
        self.assertEqual(spoiled.verdict(), "not met (3 requests failed)")

    def test_a_ratio_is_of_one_round_before_it_is_a_median(self):
        rounds = [{"a": {"n": 2}, "b": {"n": 1}}, {"a": {"n": 30}, "b": {"n": 10}}, {"a": {"n": 400}, "b": {"n": 100}}]
        self.assertEqual(median_ratio(rounds, ("a", "n"), ("b", "n")), 3)
        self.assertIsNone(median_ratio([{"a": {"n": 2}, "b": {"n": 0}}], ("a", "n"), ("b", "n")))

    def test_each_figure_is_a_ratio_line(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            print_figures([Figure("cached_cpu_vs_echo", 1.234567, "<= 1.25", "")])
        self.assertIn("\nratio cached_cpu_vs_echo 1.23\n", out.getvalue())

    def test_a_table_takes_the_place_of_the_old_one_alone(self):
        readme = "before\n" + BEGIN.format("broker") + "\nold\n" + END + "\nafter\n"
        once = render(readme, {"broker": FOUND})
        self.assertIn("| `x` | 1.5 | <= 2 | met | a thing |", once)
        self.assertNotIn("old", once)
        self.assertTrue(once.startswith("before\n") and once.endswith("\nafter\n"))
        self.assertEqual(render(once, {"broker": FOUND}), once)

    def test_the_readme_says_what_was_measured(self):
        readme = (HERE / "README.md").read_text(encoding="utf-8")
        files = sorted((HERE / "results").glob("*.json"))
        self.assertTrue(files)
        self.assertEqual(readme, render(readme, {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}),
                         "render it: python3 tests/bench/report.py")


if __name__ == "__main__":
    unittest.main()
