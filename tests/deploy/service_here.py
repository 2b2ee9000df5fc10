"""Stands for systemd in cloud_test.py: starts the two services with the configs that a script wrote, and the local cloud in the place of
Alibaba's. Usage: service_here.py FOLDER ETC start SANDBOX_PORTS"""
import json
import pathlib
import sys

import yaml

from local_cloud import LocalCloud, Process


def main():
    folder, etc = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    cloud = LocalCloud(json.loads(sys.argv[4]))
    gateways = None
    for name in ("broker", "gateway"):
        config = cloud.here(yaml.safe_load((etc / f"{name}.yaml").read_text(encoding="utf-8")))
        if gateways:
            config["broker"]["address"] = f"localhost:{gateways}"
        path = folder / f"sluice-{name}.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        service = Process(folder, f"sluice-{name}", ["--config", path])
        gateways = service.ports.get("gateways")
        (folder / f"sluice-{name}.admin").write_text(f"http://127.0.0.1:{service.ports['admin']}")
        (folder / f"sluice-{name}.pid").write_text(str(service.pid))


if __name__ == "__main__":
    main()
