"""Finding a Jesse project and its database's settings, without showing the password."""

from __future__ import annotations

import os
import pickle
import traceback

import pytest

from jesse_nb.core.candles.project import DatabaseSettings, database_settings, find_database, find_project
from jesse_nb.exceptions import InputError

SECRET = "Tr0ub4dor-and-3"
ENV = {"POSTGRES_HOST": "db", "POSTGRES_PORT": "5433", "POSTGRES_NAME": "jesse_db", "POSTGRES_USERNAME": "jesse_user",
       "POSTGRES_PASSWORD": SECRET}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "strategies").mkdir()
    (tmp_path / "storage").mkdir()
    return tmp_path


def write(folder, name=".env", **changed):
    values = {**ENV, **{f"POSTGRES_{key}": value for key, value in changed.items()}}
    (folder / name).write_text("PASSWORD=dashboard\n" + "".join(
        f"{key}={value}\n" for key, value in values.items() if value is not None))


def test_settings_are_those_of_the_file_and_jesses_defaults(project):
    write(project)
    assert database_settings(project) == DatabaseSettings("db", 5433, "jesse_db", "jesse_user", SECRET,
                                                          "disable", "public")
    assert not any(name.startswith("POSTGRES_") for name in os.environ)


def test_the_environment_wins_as_in_the_container(project, monkeypatch):
    write(project, SSLMODE="require", SCHEMA="team")
    monkeypatch.setenv("POSTGRES_HOST", "elsewhere")
    found = database_settings(project)
    assert (found.host, found.sslmode, found.schema, found.port) == ("elsewhere", "require", "team", 5433)


def test_the_environment_alone_is_enough_in_a_project(project, monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    assert database_settings(project).host == "db"


def test_another_file_as_for_jesse(project, monkeypatch):
    write(project)
    write(project, ".env.team", NAME="team_db")
    monkeypatch.setenv("JESSE_ENV_FILE", ".env.team")
    assert database_settings(project).name == "team_db"


def test_the_working_directory_is_a_project_or_there_is_none(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    write(project)
    assert find_project() == project
    assert find_database().name == "jesse_db"
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert find_project() is None
    assert find_database() is None
    with pytest.raises(InputError, match="no Jesse project, so there is no database"):
        database_settings()
    with pytest.raises(InputError, match="is no Jesse project"):
        find_database(tmp_path / "other")


def test_strategies_and_an_env_file_make_a_project(tmp_path):
    (tmp_path / "strategies").mkdir()
    assert find_database(None) is None
    with pytest.raises(InputError):
        find_project(tmp_path)
    write(tmp_path)
    assert find_project(tmp_path) == tmp_path


def test_a_project_without_a_database(project):
    (project / ".env").write_text("PASSWORD=dashboard\n")
    assert find_database(project) is None
    with pytest.raises(InputError, match="names no database"):
        database_settings(project)


@pytest.mark.parametrize(("changed", "said"), [
    ({"PASSWORD": None, "PORT": None}, "lack POSTGRES_PORT, POSTGRES_PASSWORD"),
    ({"PORT": "54x"}, "POSTGRES_PORT is '54x'"),
    ({"PORT": "70000"}, "1 to 65535"),
    ({"SSLMODE": "requird"}, "Did you mean 'require'"),
    ({"SCHEMA": 'public"; DROP TABLE candle; --'}, "letters, digits and underscores"),
    ({"HOST": f"postgresql://jesse_user:{SECRET}@db/jesse_db"}, "POSTGRES_HOST is an address"),
])
def test_wrong_settings_are_one_line_without_the_password(project, changed, said):
    write(project, **changed)
    with pytest.raises(InputError, match=said) as raised:
        find_database(project)
    told = "".join(traceback.format_exception(type(raised.value), raised.value, raised.value.__traceback__))
    assert SECRET not in told
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_text(project):
    (project / ".env").write_bytes(b"POSTGRES_PASSWORD=\xff\xfe" + SECRET.encode())
    with pytest.raises(InputError, match="cannot be read as text") as raised:
        find_database(project)
    assert raised.value.__cause__ is None
    assert SECRET not in repr(raised.value)


def test_the_password_is_never_shown(project):
    write(project)
    settings = database_settings(project)
    assert SECRET not in repr(settings) + str(settings) + f"{settings}" + repr([settings])
    assert pickle.loads(pickle.dumps(settings)) == settings
