"""The chart, rendered by the real Helm."""
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy/helm/sluice"
VALUES = {path.relative_to(ROOT / "deploy/helm/values").with_suffix("").as_posix(): path
          for path in sorted((ROOT / "deploy/helm/values").rglob("*.yaml"))}
FETCHED = ROOT / "build/outside/helm"
NEWEST = "1.37.2"
OLDEST = "1.29.6"


class Refused(Exception):
    """Helm would not render; its own words."""


def helm(*args):
    done = subprocess.run([FETCHED / "helm", *args], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "HELM_CACHE_HOME": "/nonexistent", "HELM_CONFIG_HOME": "/nonexistent"})
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render(values, *settings, version=NEWEST, release="sluice", namespace="sluice", more=()):
    """The objects of a release, with `a.b=c` settings on top of one of the value files."""
    args = ["template", release, CHART, "--namespace", namespace, "--kube-version", version, "-f", VALUES[values]]
    for setting in settings:
        args += ["--set", setting]
    return objects(helm(*args, *more))


def objects(text):
    return [one for one in yaml.safe_load_all(text) if one is not None]


def of_kind(rendered, *kinds):
    return [one for one in rendered if one["kind"] in kinds]


def find(rendered, kind, name):
    found = [one for one in of_kind(rendered, kind) if one["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} {kind} called {name}"
    return found[0]


def container(deployment):
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert len(containers) == 1
    return containers[0]


def selects(selector, labels):
    assert set(selector) == {"matchLabels"}, selector
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items())
