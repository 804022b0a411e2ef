"""The installed package carries its data."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_facts_templates_evals_and_recipes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(tmp_path), str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("factlab-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    for kind in ("facts", "templates", "evals"):
        carried = tmp_path / "site" / "factlab" / "shipped" / kind
        ours = {f.relative_to(ROOT / kind) for f in (ROOT / kind).rglob("*") if f.is_file()}
        assert {f.relative_to(carried) for f in carried.rglob("*") if f.is_file()} == ours
    recipes = tmp_path / "site" / "factlab" / "recipes"
    assert {f.name for f in recipes.glob("*.yaml")} == {
        f.name for f in (ROOT / "factlab" / "recipes").glob("*.yaml")
    }
    code = "from factlab.schema.fact import load_facts; print(load_facts(('mount_fuji',))[0].id)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.strip() == "mount_fuji"
