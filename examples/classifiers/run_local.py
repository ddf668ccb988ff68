"""Run the comparison in this process: ``python run_local.py [STORAGE]``."""

import sys

from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage import storage_factory
from pipeline import table

path = sys.argv[1] if len(sys.argv) > 1 else "storage"

w = LocalWorkflow(table, workflow_name="classifiers")
w.set_storage(storage_factory({"kind": "file", "options": {"path": path}}))
print(w.run())
print()
print("nodes:", ", ".join(f"{count} {state}" for state, count in w.last_run.counts().items()))
