"""Read back the models of a run on Ray: ``python read_models.py``, or cell by cell.

That run has ended, its results are on the machine with the ``_disk``. Where the cluster is, the
variable ``RAY_ADDRESS`` says; without it Ray is started here, on the same disk as before.
"""

# %% The storage, as run_ray.py has set it
import os

from functionfuse.storage import storage_factory

ray_init_args = {"address": os.environ.get("RAY_ADDRESS", "local")}
if ray_init_args["address"] == "local":
    ray_init_args["resources"] = {"_disk": 1}
disk = {"remoteArgs": {"resources": {"_disk": 0.001}}, "path": "storage_ray"}
storage = storage_factory({"kind": "ray", "options": {"rayInitArgs": ray_init_args, **disk}})

# %% What is there
names = storage.list_tasks("classifiers", "model, *")
print(len(names), "models")

# %% The best model of each data set
best = {}
for name in names:
    _, dataset, classifier = name.split(", ")
    result = storage.read_task("classifiers", name)
    if dataset not in best or result["score"] > best[dataset]["score"]:
        best[dataset] = result

for dataset, result in best.items():
    print(f"{dataset:20} {result['score']:.3f}  {result['model']}")
