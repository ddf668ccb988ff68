"""Run the comparison on a Ray cluster: ``python run_ray.py [ADDRESS]``.

The cluster needs a machine with a ``_disk``, where the results are kept, and one with a
``_model``, where the models are fitted. Without an address Ray is started here, with both,
and ends with this script.
"""

import sys

import pipeline
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage import storage_factory

address = sys.argv[1] if len(sys.argv) > 1 else "local"

# Machines that don't have this folder are sent the module.
ray_init_args = {"address": address, "runtime_env": {"py_modules": [pipeline]}}
if address == "local":
    ray_init_args["resources"] = {"_disk": 1, "_model": 1}

w = RayWorkflow(pipeline.table, workflow_name="classifiers", ray_init_args=ray_init_args)
w.query("model, .*").set_remote_args({"resources": {"_model": 0.001}})
disk = {"remoteArgs": {"resources": {"_disk": 0.001}}, "path": "storage_ray"}
w.set_storage(storage_factory({"kind": "ray", "options": disk}))
print(w.run(return_results=True))
print()
print("nodes:", ", ".join(f"{count} {state}" for state, count in w.last_run.counts().items()))
