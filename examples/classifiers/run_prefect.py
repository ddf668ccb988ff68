"""Run the comparison as a Prefect flow: ``python run_prefect.py [STORAGE]``."""

import sys

from functionfuse.backends.addons.prefectback import PrefectWorkflow
from functionfuse.storage import storage_factory
from pipeline import table

path = sys.argv[1] if len(sys.argv) > 1 else "storage"

w = PrefectWorkflow(table, workflow_name="classifiers")
w.set_storage(storage_factory({"kind": "file", "options": {"path": path}}))

if __name__ == "__main__":
    print(w.run())
    print()
    print("nodes:", ", ".join(f"{count} {state}" for state, count in w.last_run.counts().items()))
