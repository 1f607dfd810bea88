import socket

import pytest

from app import server
from app.pages import ENTRIES
from tests.app.asking import Client


@pytest.fixture(scope="module")
def site():
    return Client(server.create_app())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "192.168.1.2", "example.org", ""])
def test_addresses_that_others_reach_are_refused(host):
    with pytest.raises(ValueError, match="no sign-in yet"):
        server.require_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"])
def test_loopback_is_welcome(host):
    server.require_loopback(host)


def test_the_command_refuses_in_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        server.main(["--host", "0.0.0.0"])

    assert ended.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_port_that_is_taken_is_said(sqlite_url, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit):
            server.main(["--port", str(taken.getsockname()[1])])

    assert "choose another with --port" in capsys.readouterr().err


def test_nothing_is_told_about_people_and_errors():
    settings = server.settings()

    assert settings["browser.gatherUsageStats"] is False
    assert settings["client.showErrorDetails"] == "none"
    assert settings["server.enableXsrfProtection"] is True
    assert settings["server.enableCORS"] is True


def test_both_themes_are_there():
    settings = server.settings()

    assert settings["theme.light.primaryColor"] != settings["theme.dark.primaryColor"]


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.path or "home")
def test_every_address_has_a_frame(site, entry):
    answer = site.get(f"/{entry.path}?id=1")

    assert "<title>Archfront</title>" in answer.text
    assert server.START_SCRIPT in answer.text


def test_inline_scripts_are_allowed_by_their_hash(site):
    policy = site.get("/").headers["content-security-policy"]

    assert "sha256-" in policy
    assert "'unsafe-eval'" not in policy
    assert "script-src 'self'" in policy


def test_streamlit_itself_refuses_other_hosts(site):
    assert site.get("/_stcore/health", headers={"host": "evil.example"}).status_code == 403
