"""Run the comparison in containers of this machine's Docker: ``python run_kfp.py [STORAGE]``.

These are the containers that Kubeflow Pipelines would run. The variable ``BASE_IMAGE`` names
another image than ``python`` to build them on.
"""

import os
import sys

from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.storage import storage_factory
from pipeline import table

path = sys.argv[1] if len(sys.argv) > 1 else "storage"

w = KFPWorkflow(
    table, workflow_name="classifiers", baseimage=os.environ.get("BASE_IMAGE", "python")
)
w.set_storage(storage_factory({"kind": "file", "options": {"path": path}}))

if __name__ == "__main__":
    print(w.run(local=True))
    print()
    print("nodes:", ", ".join(f"{count} {state}" for state, count in w.last_run.counts().items()))
