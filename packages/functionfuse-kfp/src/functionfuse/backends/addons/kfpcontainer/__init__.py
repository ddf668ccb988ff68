"""The inside of Kubeflow Pipelines' containers: runs the nodes of one component.

It is started as `python3 -m functionfuse.backends.addons.kfpcontainer`, by commands that
functionfuse-kfp compiles into pipelines, and imports nothing but functionfuse-core.
"""

from functionfuse.backends.addons.kfpcontainer._outcomes import load_outcomes
from functionfuse.backends.addons.kfpcontainer._places import (
    APP,
    LIBRARY,
    MODULE,
    OUTCOMES_VARIABLE,
    STORAGE,
    VALUES,
)
from functionfuse.backends.addons.kfpcontainer._references import (
    describe_script,
    is_importing_script,
    refer,
)
from functionfuse.backends.addons.kfpcontainer._spec import (
    ComponentSpec,
    NodeSpec,
    Origin,
    SaveSpec,
    dump_json,
)

__all__ = [
    "APP",
    "LIBRARY",
    "MODULE",
    "OUTCOMES_VARIABLE",
    "STORAGE",
    "VALUES",
    "ComponentSpec",
    "NodeSpec",
    "Origin",
    "SaveSpec",
    "describe_script",
    "dump_json",
    "is_importing_script",
    "load_outcomes",
    "refer",
]
