"""The compose file: valid by its schema, and its variables are enough to reach the database."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "binder" / "docker" / "compose.yaml"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(FILE.read_text())


def filled(text, variables):
    """What compose makes of ${NAME:-default} and ${NAME:?message}."""
    def value(found):
        name, kind, rest = found.groups()
        if variables.get(name):
            return variables[name]
        assert kind == ":-", f"{name}: {rest}"
        return rest

    return re.sub(r"(?<!\$)\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", value, text)


def test_it_is_valid_by_composes_own_schema(compose):
    vendored = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json")
    schema = json.loads(vendored.read_text())
    jsonschema.validate(compose, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "services": {"lab": {"imagee": "x"}}}, schema)


def test_its_parts_fit_together(compose):
    services = compose["services"]
    assert set(services) == {"postgres", "jesse", "lab"}
    build = services["lab"]["build"]
    assert (FILE.parent / build["context"] / build["dockerfile"]).resolve() == ROOT / "binder" / "docker" / "Dockerfile"
    named = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in named if not name.startswith("$")} == set(compose["volumes"])
    for name in ("jesse", "lab"):
        assert services[name]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
    assert "healthcheck" in services["postgres"]
    assert "\nFROM ${JESSE_IMAGE}\n" in (ROOT / "binder" / "docker" / "Dockerfile").read_text()


def test_nothing_secret_is_written_in_it(compose):
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", name):
                assert value.startswith("${")


def test_its_variables_reach_the_database(jesse_database, compose, tmp_path):
    """A process with the lab service's variables; only the host, which exists in the container's net alone, differs."""
    jesse_database.write_env(HOST="localhost", PORT="9")  # for use outside; the service's own must win
    with (jesse_database.folder / ".env").open("a") as file:
        file.write("JUPYTER_TOKEN=a-token\n")
    of_project = dotenv_values(jesse_database.folder / ".env")
    variables = {**of_project, "JESSE_PROJECT": str(jesse_database.folder)}
    services = compose["services"]
    assert [filled(entry, variables) for entry in services["lab"]["env_file"]] == [str(jesse_database.folder / ".env")]
    own = {name: filled(value, variables) for name, value in services["lab"]["environment"].items()}
    server = {name: filled(value, variables) for name, value in services["postgres"]["environment"].items()}
    assert own["POSTGRES_HOST"] in services
    assert server == {"POSTGRES_USER": of_project["POSTGRES_USERNAME"], "POSTGRES_DB": of_project["POSTGRES_NAME"],
                      "POSTGRES_PASSWORD": of_project["POSTGRES_PASSWORD"]}
    inside = {**of_project, **own, "POSTGRES_HOST": jesse_database.host, "JESSE_NB_CANDLES": str(tmp_path / "candles"),
              "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    code = "import jesse_nb as jn; print(*jn.candles_from_database())"
    done = subprocess.run([sys.executable, "-c", code], cwd=jesse_database.folder, env=inside, timeout=60,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "ETH-USDT on Binance Perpetual Futures: 2023-01-01 to 2023-01-03, 2,880 candles" in done.stdout
