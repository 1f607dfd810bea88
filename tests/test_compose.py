"""The deployment for teams: parsed, and its commands run outside containers on real servers."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.services import free_port

ROOT = Path(__file__).parent.parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
BUILT = {name: service for name, service in SERVICES.items() if "build" in service}
PASSWORDS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD")


def as_run_here(words: list[str], port: int) -> list[str]:
    """A command of the file, with this environment's program, on loopback and a free port."""
    changed = {
        "archfront": [sys.executable, "-m", "app.cli"],
        "python": [sys.executable],
        "0.0.0.0": ["127.0.0.1"],
        "8501": [str(port)],
    }
    return [part for word in words for part in changed.get(word, [word])]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(20)


def until(claim: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 240
    while not claim():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def test_ports_are_published_on_loopback_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert all("network_mode" not in service for service in SERVICES.values())


@pytest.mark.parametrize("password", PASSWORDS)
def test_passwords_have_no_default(password):
    uses = re.findall(rf"\$\{{{password}[^}}]*\}}", COMPOSE)

    assert uses
    assert all(use == f"${{{password}:?set it in .env}}" for use in uses)
    assert f"\n{password}=\n" in (ROOT / ".env.example").read_text()


def test_every_variable_is_in_the_example_file():
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE))

    written = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == written


def test_filled_in_secrets_are_never_committed():
    done = subprocess.run(
        ["git", "check-ignore", "-q", ".env"], cwd=ROOT, capture_output=True, check=False
    )

    assert done.returncode in (0, 128), "128: not a git checkout"
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_lasts_is_in_named_volumes():
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]

    names = {mount.partition(":")[0] for mount in mounts}
    assert names == set(yaml.safe_load(COMPOSE)["volumes"])


def test_whatever_keeps_running_is_watched():
    lasting = {name: s for name, s in SERVICES.items() if s.get("restart") == "unless-stopped"}

    assert set(lasting) == set(SERVICES) - {"migrate"}
    assert all("healthcheck" in service for service in lasting.values())


def test_nothing_starts_before_the_tables_are_migrated():
    waiting = {name: s["depends_on"] for name, s in BUILT.items() if name != "migrate"}

    conditions = {needs["migrate"]["condition"] for needs in waiting.values()}
    assert conditions == {"service_completed_successfully"}


def test_the_gpu_worker_comes_only_when_asked():
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    assert "profiles" not in SERVICES["worker-cpu"]


@pytest.mark.parametrize("name", BUILT)
def test_images_are_built_from_a_stage_that_exists(name):
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert f" AS {BUILT[name]['build']['target']}\n" in dockerfile


def test_the_image_copies_what_exists():
    copied = re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    sources = [source for line in copied for source in line.split()]
    assert all((ROOT / source).exists() for source in sources)


@pytest.fixture
def team(postgresql_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty PostgreSQL database without tables, and Redis, as the file sets them."""
    monkeypatch.setenv("BROKER_URL", redis_url)
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "db", "downgrade", "base", "--yes"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_commands_work_outside_of_containers(team, tmp_path):
    port = free_port()
    migrate, web, worker = (
        as_run_here(SERVICES[name]["command"], port) for name in ("migrate", "web", "worker-cpu")
    )
    logs = {name: tmp_path / f"{name}.log" for name in ("web", "worker")}

    subprocess.run(migrate, cwd=ROOT, check=True, capture_output=True)

    with running(web, logs["web"]) as web_process, running(worker, logs["worker"]) as process:
        until(lambda: is_healthy("web", port), web_process, logs["web"])
        until(lambda: is_healthy("worker-cpu", port), process, logs["worker"])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert page.status == 200


def is_healthy(service: str, port: int) -> bool:
    """What the health check of the file says."""
    kind, *words = SERVICES[service]["healthcheck"]["test"]
    if kind == "CMD-SHELL":
        folder = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
        command = ["sh", "-c", words[0].replace("$$", "$")]
    else:
        environment = dict(os.environ)
        command = as_run_here([word.replace("8501", str(port)) for word in words], port)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    return done.returncode == 0
