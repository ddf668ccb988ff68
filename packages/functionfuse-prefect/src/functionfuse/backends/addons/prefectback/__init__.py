"""The Prefect backend: comes with functionfuse-prefect 0.2."""

msg = (
    "functionfuse-prefect 0.1 holds no PrefectWorkflow yet: it comes with 0.2; "
    "LocalWorkflow runs the same graph today"
)
raise ImportError(msg, name=__name__)
