"""The floors, as the linter sees them and as a fresh interpreter does."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("app", "workers", "db", "search")
BIN = Path(sys.executable).parent


def modules(floor: str) -> list[str]:
    paths = sorted((ROOT / floor).rglob("*.py"))
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in paths]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]


def run_python(code: str, tmp_path: Path) -> str:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_only_go_down():
    done = subprocess.run(
        [BIN / "lint-imports", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


def test_no_module_of_the_app_loads_torch(tmp_path):
    views = [name for name in modules("app") if name.startswith("app.views.")]
    names = [name for name in modules("app") if name != "app.main" and name not in views]

    loaded = run_python(
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "print([name for name in ('torch', 'sklearn', 'scipy') if name in sys.modules])",
        tmp_path,
    )

    assert loaded.strip() == "[]"


def test_the_command_line_loads_neither_torch_nor_streamlit(tmp_path):
    loaded = run_python(
        "import app.cli, sys\n"
        "print([name for name in ('torch', 'streamlit', 'plotly') if name in sys.modules])",
        tmp_path,
    )

    assert loaded.strip() == "[]"


def test_code_of_an_architecture_is_written_without_torch(tmp_path):
    loaded = run_python(
        "import sys\nfrom search.spaces import spaces\nspace = spaces['nasbench201']\n"
        "space.python_source(space.at(0), shape=(1, 8, 8), num_classes=10, params={})\n"
        "print('torch' in sys.modules)",
        tmp_path,
    )

    assert loaded.strip() == "False"


def test_importing_the_floors_touches_no_file(tmp_path):
    run_python("import app.cli, workers.queue, db.session, search.spec", tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("floor", FLOORS)
def test_init_of_a_floor_imports_nothing(floor):
    tree = ast.parse((ROOT / floor / "__init__.py").read_text())

    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == []


def test_no_file_of_the_app_shadows_a_floor_or_the_standard_library():
    names = {path.stem for path in (ROOT / "app").iterdir() if not path.name.startswith("__")}

    assert names & {*FLOORS, *sys.stdlib_module_names} == set()


def test_settings_are_read_from_the_environment_in_two_files_only():
    reading = re.compile(r"environ(\.get\(|\[)\"|getenv\(")
    readers = {
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if reading.search(path.read_text())
    }

    assert readers == {"db/session.py", "workers/queue.py"}
