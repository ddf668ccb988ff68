"""The Kubeflow Pipelines backend: comes with functionfuse-kfp 0.2."""

msg = (
    "functionfuse-kfp 0.1 holds no KFPWorkflow yet: it comes with 0.2; "
    "LocalWorkflow runs the same graph today"
)
raise ImportError(msg, name=__name__)
