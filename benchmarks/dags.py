"""How long Airflow reads campaigns: a DAG each, from folders like the sample's. Run: python benchmarks/dags.py [200]."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
READ = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[1] + '/plugins']
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
for name in ('render_campaign', 'campaigns', 'broken_campaigns'):
    began = time.perf_counter()
    bag = DagBag(f'{sys.argv[1]}/{name}.py')
    read = time.perf_counter() - began
    for dag in bag.dags.values():
        DagSerialization.to_dict(dag)
    print(f'{name:17} {len(bag.dags):4} DAGs  read {read:5.2f} s  stored {time.perf_counter() - began - read:5.2f} s')
"""


def write_campaigns(folder: Path, count: int) -> None:
    """Copy the sample's campaign under many names."""
    sample = ROOT / "templates" / "aurora_launch"
    text = (sample / "campaign.yaml").read_text(encoding="utf-8").replace("../../catalog", str(ROOT / "catalog"))
    for number in range(count):
        copy = folder / f"campaign{number:03}"
        shutil.copytree(sample, copy)
        lines = f'schedule: {{cron: "{number % 60} 6 * * MON", timezone: Europe/Berlin}}\n'
        (copy / "campaign.yaml").write_text(
            text.replace("id: aurora_launch", f"id: c{number}") + lines, encoding="utf-8"
        )


def main() -> None:
    """Measure in a process of its own, as Airflow does, with its libraries loaded."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        write_campaigns(Path(folder) / "templates", count)
        environment = os.environ | {
            "AIRFLOW_HOME": f"{folder}/airflow",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "ADLOOM_TEMPLATES_DIR": f"{folder}/templates",
        }
        ended = subprocess.run(
            [sys.executable, "-c", READ, str(ROOT / "dags")],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        print(*(line for line in ended.stdout.splitlines() if "DAGs" in line), sep="\n")


if __name__ == "__main__":
    main()
