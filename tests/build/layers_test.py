#!/usr/bin/env python3
"""Includes point only down: proto <- common <- clients <- services <- tests, and inside common in a fixed order."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ["proto", "common", "clients", "services", "tests"]
COMMON = ["base", "reasons", "telemetry", "crypto", "http", "aliyun", "identity", "rpc"]
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


def violations(path, text):
    """Yields what is wrong with the includes of `text`, seen as the file at `path` (parts from the root)."""
    for include in INCLUDE.findall(text):
        target = include.split("/")
        if target[0] not in LAYERS:
            continue
        if LAYERS.index(target[0]) > LAYERS.index(path[0]):
            yield f"{'/'.join(path)} includes {include}: {path[0]} must not know {target[0]}"
        elif path[0] == target[0] == "common" and COMMON.index(target[1]) > COMMON.index(path[1]):
            yield f"{'/'.join(path)} includes {include}: common/{path[1]} must not know common/{target[1]}"
        elif path[0] == target[0] == "services" and target[1] != path[1]:
            yield f"{'/'.join(path)} includes {include}: services meet through proto only"


class LayersTest(unittest.TestCase):
    def test_includes_point_down(self):
        found, seen = [], 0
        for layer in LAYERS:
            for file in sorted((ROOT / layer).rglob("*")):
                if file.suffix in (".h", ".cc"):
                    seen += 1
                    found += violations(file.relative_to(ROOT).parts, file.read_text(encoding="utf-8"))
        self.assertGreater(seen, 20)
        self.assertEqual(found, [])

    def test_an_include_upwards_is_found(self):
        self.assertTrue(list(violations(("common", "base", "x.h"), '#include "services/sandbox/world.h"\n')))
        self.assertTrue(list(violations(("common", "base", "x.h"), '#include "common/http/client.h"\n')))
        self.assertTrue(list(violations(("services", "sandbox", "x.h"), '#include "services/token_broker/scope.h"\n')))
        self.assertFalse(list(violations(("services", "sandbox", "x.h"), '#include "common/base/clock.h"\n')))


if __name__ == "__main__":
    unittest.main()
