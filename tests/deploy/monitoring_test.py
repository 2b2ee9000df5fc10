#!/usr/bin/env python3
"""Alerts and dashboard: read by promtool, tried on made-up series, and asked of a Prometheus that scrapes a running demo.

Beside tests/outside/with_services.sh; PROMETHEUS is the folder of `prometheus` and `promtool`.
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import yaml
from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

import alert_cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy/monitoring"
PROMETHEUS = pathlib.Path(os.environ["PROMETHEUS"]).resolve()
RULES = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
TARGETS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
SELECTOR = re.compile(r"\b((?:sluice_\w+|up))(?:\{([^}]*)\})?")


def promtool(*arguments, text=None):
    done = subprocess.run([PROMETHEUS / "promtool", *arguments], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def shown(expression):
    """As Grafana would send it, for all replicas."""
    return expression.replace("$__rate_interval", "1m").replace("$instance", ".*")


def selected(expression):
    """Metrics that an expression names, each with the labels that it asks about, and those it groups by."""
    for name, labels in SELECTOR.findall(expression):
        yield name, re.findall(r"(\w+)(?:=~|!~|!=|=)", labels)
    for labels in re.findall(r"\bby \(([\w, ]+)\)", expression):
        yield None, re.split(r", *", labels)


class AlertsTest(unittest.TestCase):
    def test_promtool_takes_rules_and_configuration(self):
        code, said = promtool("check", "config", MONITORING / "prometheus.yaml")
        self.assertEqual(code, 0, said)
        self.assertIn(f"{len(RULES)} rules found", said)

    def test_each_has_a_severity_a_summary_and_its_line_in_the_runbook(self):
        readme = (MONITORING / "README.md").read_text(encoding="utf-8")
        runbook = dict(re.findall(r"^#### (\w+)\n(.+)$", readme, re.MULTILINE))
        for rule in RULES:
            name = rule["alert"]
            self.assertIn(rule["labels"]["severity"], {"critical", "warning"}, name)
            self.assertTrue(rule["annotations"]["summary"].endswith("."), name)
            self.assertTrue(rule["annotations"]["runbook_url"].endswith(f"/deploy/monitoring/README.md#{name.lower()}"), name)
            self.assertIn(name, runbook)
            self.assertGreater(len(runbook[name]), 40, name)
        self.assertEqual(list(runbook), [rule["alert"] for rule in RULES])

    def test_each_fires_when_it_should_and_is_silent_otherwise(self):
        by_name = {rule["alert"]: rule for rule in RULES}
        self.assertEqual(set(alert_cases.CASES), set(by_name))
        tests = []
        for name, case in alert_cases.CASES.items():
            fired = {"exp_labels": {"severity": by_name[name]["labels"]["severity"], **case.labels},
                     "exp_annotations": by_name[name]["annotations"]}
            self.assertGreater(len(case.quiet), 0, name)
            for series, expected in [(case.fires, [fired]), *((quiet, []) for quiet in case.quiet)]:
                tests.append({
                    "name": name, "interval": "1m",
                    "input_series": [{"series": series_name, "values": values} for series_name, values in series.items()],
                    "alert_rule_test": [{"alertname": name, "eval_time": case.at, "exp_alerts": expected}]})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "alerts_test.yaml"

            def judged(some):
                path.write_text(yaml.safe_dump({"rule_files": [str(MONITORING / "alerts.yaml")], "evaluation_interval": "1m", "tests": some}))
                return promtool("test", "rules", path)

            code, said = judged(tests)
            self.assertEqual(code, 0, said)
            # So that a promtool that looks at nothing is noticed: what fires is expected not to, and the other way round.
            for test in tests:
                expected = test["alert_rule_test"][0]["exp_alerts"]
                test["alert_rule_test"][0]["exp_alerts"] = [] if expected else [{"exp_labels": {"severity": "warning"}}]
            for test in tests[:6]:
                self.assertNotEqual(judged([test])[0], 0, test["name"])


def unknown(value, understood, at="dashboard"):
    """Yields the members of a JSON value that are not, or not the same, in what somebody understood of it."""
    if isinstance(value, dict) and isinstance(understood, dict):
        for name, member in value.items():
            yield from unknown(member, understood[name], f"{at}.{name}") if name in understood else [f"{at}.{name}"]
    elif isinstance(value, list) and isinstance(understood, list) and len(value) == len(understood):
        for number, (member, other) in enumerate(zip(value, understood)):
            yield from unknown(member, other, f"{at}.{number}")
    elif value != understood:
        yield at


class DashboardTest(unittest.TestCase):
    def test_grafanas_own_model_knows_every_field(self):
        plugins.register_default_plugins()

        def through_grafana(dashboard):
            model = Dashboard.from_json(json.loads(json.dumps(dashboard)))
            return json.loads(json.dumps(model, cls=encoder.JSONEncoder))

        self.assertEqual(list(unknown(DASHBOARD, through_grafana(DASHBOARD))), [])
        wrong = json.loads(json.dumps(DASHBOARD))
        wrong["refreshes"] = "30s"
        wrong["panels"][1]["titel"] = "x"
        wrong["panels"][1]["targets"][0]["expression"] = "up"
        self.assertEqual(list(unknown(wrong, through_grafana(wrong))),
                         ["dashboard.panels.1.targets.0.expression", "dashboard.panels.1.titel", "dashboard.refreshes"])

    def test_it_is_what_its_script_writes(self):
        written = subprocess.run([sys.executable, MONITORING / "dashboard.py"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(written, (MONITORING / "dashboard.json").read_text(encoding="utf-8"))

    def test_panels_are_apart_and_take_their_data_from_the_chosen_source(self):
        panels = DASHBOARD["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        self.assertEqual(len({panel["title"] for panel in panels}), len(panels))
        variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
        self.assertEqual((variables["datasource"]["type"], variables["datasource"]["query"]), ("datasource", "prometheus"))
        taken = set()
        for panel in panels:
            where = panel["gridPos"]
            self.assertLessEqual(where["x"] + where["w"], 24)
            for cell in [(x, y) for x in range(where["x"], where["x"] + where["w"]) for y in range(where["y"], where["y"] + where["h"])]:
                self.assertNotIn(cell, taken, panel["title"])
                taken.add(cell)
            if panel["type"] == "row":
                continue
            self.assertEqual(panel["datasource"]["uid"], "${datasource}")
            self.assertGreater(len(panel["targets"]), 0)
            self.assertEqual(len({target["refId"] for target in panel["targets"]}), len(panel["targets"]))
            for target in panel["targets"]:
                self.assertEqual(target["datasource"]["uid"], "${datasource}")
                for name in re.findall(r"\$(\w+)", target["expr"]):
                    self.assertIn(name, {*variables, "__rate_interval"})

    def test_promtool_reads_every_query(self):
        def rules(expressions):
            return yaml.safe_dump({"groups": [{"name": "dashboard", "rules": [
                {"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(expressions)]}]})

        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "dashboard.yaml"
            path.write_text(rules(shown(expression) for _, expression in TARGETS))
            code, said = promtool("check", "rules", path)
            self.assertEqual(code, 0, said)
            self.assertIn(f"{len(TARGETS)} rules found", said)
            path.write_text(rules(["sum by (method (rate(sluice_requests_total[1m]))"]))
            self.assertNotEqual(promtool("check", "rules", path)[0], 0)


def get(address):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=10) as answer:
        return answer.read().decode()


def until(wanted, seconds, what):
    """The first true value of `wanted`, asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = wanted()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


class RunningDemoTest(unittest.TestCase):
    """A Prometheus on loopback that scrapes the demo's broker and gateway, and a broker whose own key ends."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        run = pathlib.Path(os.environ["SLUICE_RUN"])
        cls.admins = {"sluice-broker": [cls.admin_of(run / "broker.ports"), cls.broker_with_a_key_that_ends(run)],
                      "sluice-gateway": [cls.admin_of(run / "gateway.ports")]}
        cls.prometheus = cls.start_prometheus()
        cls.traffic()
        until(lambda: len(cls.query("count_over_time(up[1m]) >= 4 and up == 1")) == 3, 60, "three replicas scraped four times")

    @staticmethod
    def admin_of(ports):
        return f"127.0.0.1:{json.loads(ports.read_text())['admin']}"

    @classmethod
    def start(cls, *command, environment=None):
        log = open(cls.folder / f"{pathlib.Path(command[0]).name}.log", "wb")
        cls.addClassCleanup(log.close)
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)
        cls.addClassCleanup(process.wait, 20)
        cls.addClassCleanup(process.terminate)
        return process

    @classmethod
    def broker_with_a_key_that_ends(cls, run):
        # As the demo's broker, but for its key, which is a session that the sandbox gives by a credentials URI.
        environment = {"PATH": os.environ["PATH"]}
        for name, value in re.findall(r'(\w+)="?([^"\s]*)"?', (run / "broker.env").read_text()):
            if name.startswith("SLUICE_"):
                environment[name] = "127.0.0.1:0" if name.startswith("SLUICE_LISTEN") else value
        metadata = json.loads((run / "sandbox.ports").read_text())["metadata"]
        environment.update(ALIBABA_CLOUD_CREDENTIALS_URI=f"http://127.0.0.1:{metadata}/credentials", SLUICE_PUBLIC_URL="",
                           ALIBABA_CLOUD_ECS_METADATA_DISABLED="true", SLUICE_AUDIT_FILE=str(cls.folder / "audit.jsonl"), HOME=str(cls.folder))
        ports = cls.folder / "broker.ports"
        cls.start(os.environ["SLUICE_BIN"] + "/sluice-broker", "--config", "deploy/config/token_broker.sandbox.yaml", "--ports-file", ports,
                  environment=environment)
        until(lambda: ports.exists() and ports.read_text(), 20, "a broker with a key that ends")
        return cls.admin_of(ports)

    @classmethod
    def start_prometheus(cls):
        config = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(MONITORING / "alerts.yaml")]
        for job in config["scrape_configs"]:
            job["static_configs"] = [{"targets": cls.admins[job["job_name"]]}]
        (cls.folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        cls.start(PROMETHEUS / "prometheus", "--config.file", cls.folder / "prometheus.yaml", "--storage.tsdb.path", cls.folder / "data",
                  "--web.listen-address", address)

        def ready():
            try:
                return get(f"http://{address}/-/ready")
            except OSError:
                return None

        until(ready, 30, "Prometheus ready")
        return address

    @classmethod
    def traffic(cls):
        """The demo's main jobs: tokens, a refusal, an upload each way."""
        for name, audience in (("jwt", "sluice"), ("gateway-jwt", "sluice-gateway")):
            (cls.folder / name).write_text(get(f"{os.environ['SLUICE_IDENTITY']}/token?subject=alice&audience={audience}"))

        def sluice(*arguments, code=0):
            done = subprocess.run([os.environ["SLUICE_BIN"] + "/sluice", "--jwt-file", cls.folder / "jwt", "--gateway-jwt-file",
                                   cls.folder / "gateway-jwt", *arguments], capture_output=True, text=True, check=False,
                                  env={**os.environ, "HOME": str(cls.folder)})
            assert done.returncode == code, done.stderr

        sluice("upload", ROOT / "deploy/demo/picture.png", "--via", "gateway")
        sluice("upload", ROOT / "deploy/demo/picture.png")
        sluice("token", "--operations", "DELETE", code=1)

    @classmethod
    def query(cls, expression):
        answer = json.loads(get(f"http://{cls.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def scraped(self):
        """Metrics that some replica has, with all their labels; a histogram's by each of its names."""
        out = {}
        for admins in self.admins.values():
            for admin in admins:
                for name, labels in re.findall(r"^(sluice_\w+)(?:\{(.*)\})? ", get(f"http://{admin}/metrics"), re.MULTILINE):
                    out.setdefault(name, {"instance", "job"}).update(re.findall(r'(\w+)="', labels))
        return out

    def test_promtool_finds_nothing_wrong_with_what_is_scraped(self):
        for admins in self.admins.values():
            for admin in admins:
                code, said = promtool("check", "metrics", text=get(f"http://{admin}/metrics"))
                self.assertEqual((code, said), (0, ""), admin)

    def test_every_metric_and_label_that_is_used_exists(self):
        scraped = {**self.scraped(), "up": {"instance", "job"}}
        every_label = set().union(*scraped.values())
        used = set()
        for title, expression in [*TARGETS, *((rule["alert"], rule["expr"]) for rule in RULES)]:
            for name, labels in selected(expression):
                if name:
                    self.assertIn(name, scraped, title)
                    used.add(name)
                self.assertLessEqual(set(labels), scraped[name] if name else every_label, title)
        # And the other way round: nothing that is measured is forgotten by the dashboard and the alerts.
        measured = {re.sub(r"_(bucket|sum|count)$", "", name) for name in scraped}
        self.assertEqual(measured - {re.sub(r"_bucket$", "", name) for name in used}, set())

    def test_every_reason_and_result_that_is_asked_for_exists(self):
        values = {}
        for admins in self.admins.values():
            for admin in admins:
                for label, value in re.findall(r'(\w+)="([^"]*)"', get(f"http://{admin}/metrics")):
                    values.setdefault(label, set()).add(value)
        for title, expression in [*TARGETS, *((rule["alert"], rule["expr"]) for rule in RULES)]:
            for label, wanted in re.findall(r'\b(reason|result|method|answer|code)=~?"([^"]+)"', expression):
                for value in wanted.split("|"):
                    # Codes that no reason has come only with somebody else's trouble.
                    if not (label == "code" and value in {"UNKNOWN", "DEADLINE_EXCEEDED"}):
                        self.assertIn(value, values[label], f"{title}: {label}")

    def test_every_panel_has_something_to_show(self):
        for title, expression in TARGETS:
            self.assertGreater(len(self.query(shown(expression))), 0, f"{title}: {expression}")
        stored = float(self.query("sum(sluice_upload_stored_bytes_total)")[0]["value"][1])
        self.assertEqual(stored, (ROOT / "deploy/demo/picture.png").stat().st_size)

    def test_the_demo_is_told_that_it_is_in_development_and_nothing_else_that_would_wake_somebody(self):
        def seen():
            groups = json.loads(get(f"http://{self.prometheus}/api/v1/rules"))["data"]["groups"]
            rules = {rule["name"]: rule for rule in groups[0]["rules"]}
            return rules if all(rule["health"] == "ok" for rule in rules.values()) else None

        rules = until(seen, 20, "every rule evaluated")
        self.assertEqual(set(rules), {rule["alert"] for rule in RULES})
        self.assertEqual({name for name, rule in rules.items() if rule["state"] != "inactive" and rule["labels"]["severity"] == "critical"},
                         {"SluiceDevelopmentMode"})


if __name__ == "__main__":
    unittest.main()
