#!/usr/bin/env python3
"""Rows are per gigabyte and per upload, figures are those of the rows that were measured, and nginx is configured as the README says."""
import pathlib
import unittest

from gateway_rows import COLUMNS, FIGURES, figures, requests_between, row_figures, upload_row
from gateway_stage import nginx_config
from report import table

FOUND = {"seconds": 2.0, "objects": 4, "objects_with_warmup": 8, "bytes": 4_000_000_000, "gb_per_second": 2.0, "failed": 0, "errors": {},
         "durable": {"count": 4, "p50_us": 1500, "p99_us": 2500}, "client_cpu_us": 800_000, "watched_cpu_us": {"7": 2_000_000, "8": 600_000}}
NOTHING = {**FOUND, "objects": 0, "objects_with_warmup": 0, "bytes": 0, "gb_per_second": 0.0, "failed": 4, "durable": {"count": 0}}


def row(cpu, gbps=2.0, requests=1.0, failed=0):
    return {"gb_per_second": gbps, "cpu_s_per_gb": cpu, "sink_cpu_s_per_gb": 0.1, "client_cpu_s_per_gb": 0.2, "rss_mb": 30.0,
            "oss_requests_per_upload": requests, "p50_ms": 1.0, "p99_ms": 2.0, "objects": 4, "failed": failed}


def by_name(found):
    return {figure.name: figure for figure in found}


class GatewayRowsTest(unittest.TestCase):
    def test_a_row_is_per_gigabyte_and_per_upload(self):
        found = upload_row(FOUND, 7, 8, 30_000_000, 24)
        self.assertEqual(found["cpu_s_per_gb"], 0.5)
        self.assertEqual(found["sink_cpu_s_per_gb"], 0.15)
        self.assertEqual(found["client_cpu_s_per_gb"], 0.2)
        self.assertEqual(found["rss_mb"], 30)
        self.assertEqual(found["oss_requests_per_upload"], 3)  # those of the warm-up are among the requests
        self.assertEqual((found["p50_ms"], found["p99_ms"]), (1.5, 2.5))

    def test_a_row_of_nothing_has_no_numbers(self):
        found = upload_row(NOTHING, 7, 8, 30_000_000, 0)
        for field in ("gb_per_second", "cpu_s_per_gb", "oss_requests_per_upload", "p50_ms", "p99_ms"):
            self.assertIsNone(found[field])
        self.assertEqual(found["failed"], 4)

    def test_requests_are_counted_whatever_their_kind_and_bytes_are_none(self):
        none = dict.fromkeys(("put", "initiate", "part", "list", "complete", "abort", "head", "delete", "other"), 0)
        self.assertEqual(requests_between({**none, "bytes": 5}, {**none, "initiate": 1, "part": 8, "complete": 1, "bytes": 900}), 10)

    def test_a_ratio_is_of_one_round(self):
        found = by_name(figures([{"gateway": row(0.5), "floor": row(0.4)}, {"gateway": row(2.6), "floor": row(2.0)}, {"gateway": row(6.5), "floor": row(5.0)}]))
        self.assertAlmostEqual(found["gateway_cpu_vs_floor"].value, 1.3)
        self.assertTrue(found["gateway_cpu_vs_floor"].met)

    def test_what_was_not_measured_is_no_figure(self):
        self.assertEqual(list(by_name(figures([{"floor": row(0.4), "nginx": row(0.4)}]))), ["floor_cpu_vs_nginx"])
        every = {name: row(0.4) for _, one, under, *_ in FIGURES for name in (one, under) if name}
        self.assertEqual(len(figures([every])), len(FIGURES))

    def test_failed_uploads_spoil_a_figure(self):
        found = by_name(figures([{"gateway": row(0.1, failed=2), "floor": row(0.4)}]))["gateway_cpu_vs_floor"]
        self.assertFalse(found.met)
        self.assertIn("2 uploads failed", found.verdict())
        nothing = {field: None for field in row(0)} | {"failed": 4}
        self.assertFalse(by_name(figures([{"gateway": nothing, "floor": row(0.4)}]))["gateway_cpu_vs_floor"].met)

    def test_an_exact_bar_is_judged_by_the_worst_round(self):
        found = by_name(figures([{"gateway_small": row(0.4)}, {"gateway_small": row(0.4, requests=1.01)}, {"gateway_small": row(0.4)}]))
        self.assertFalse(found["small_2mib_oss_requests"].met)

    def test_each_number_of_a_row_is_a_line(self):
        names = [figure.name for figure in row_figures({"floor": row(0.4)})]
        self.assertEqual(names, ["floor_" + field for _, field, _ in COLUMNS])
        self.assertEqual(row_figures({"floor": {"cpu_s_per_gb": None}}), [])

    def test_a_table_has_the_columns_of_its_benchmark(self):
        machine = dict.fromkeys(("cores", "cpu", "memory_gib", "kernel", "system", "compiler", "grpc", "openssl", "python"), "x") | {"load_before": 0}
        text = table({"machine": machine, "commit": "abc", "how": "Once.", "columns": [list(column) for column in COLUMNS],
                      "rows": {"floor": row(0.4)}, "figures": []})
        self.assertIn("| server | GB/s | CPU s/GB | sink s/GB | client s/GB | most MB | OSS requests/upload | p50 ms | p99 ms |", text)
        self.assertIn("| floor | 2.00 | 0.400 | 0.100 | 0.200 | 30 | 1.00 | 1.0 | 2.0 |", text)

    def test_nginx_streams_and_keeps_its_connections(self):
        plain = nginx_config(pathlib.Path("/run/x"), "nginx", 20011, 4000, False)
        self.assertIn("proxy_request_buffering off;", plain)
        self.assertIn("proxy_http_version 1.1;", plain)
        self.assertIn("server 127.0.0.1:4000; keepalive 64;", plain)
        self.assertIn("proxy_pass http://sink;", plain)
        self.assertNotIn("ssl", plain)
        tls = nginx_config(pathlib.Path("/run/x"), "nginx", 20011, 4000, True)
        self.assertIn("listen 127.0.0.1:20011 ssl;", tls)
        self.assertIn("proxy_pass https://sink;", tls)


if __name__ == "__main__":
    unittest.main()
