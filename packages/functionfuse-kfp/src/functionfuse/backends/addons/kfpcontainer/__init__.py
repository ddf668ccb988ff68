"""The inside of Kubeflow Pipelines' containers: comes with functionfuse-kfp 0.2."""

msg = (
    "functionfuse-kfp 0.1 holds no code for containers yet: it comes with 0.2; "
    "LocalWorkflow runs the same graph today"
)
raise ImportError(msg, name=__name__)
