"""The Ray backend: comes with functionfuse-ray 0.2."""

msg = (
    "functionfuse-ray 0.1 holds no RayWorkflow yet: it comes with 0.2; "
    "LocalWorkflow runs the same graph today"
)
raise ImportError(msg, name=__name__)
