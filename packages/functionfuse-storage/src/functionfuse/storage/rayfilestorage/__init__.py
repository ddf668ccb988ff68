"""The Ray file storage: comes with functionfuse-storage 0.2."""

msg = (
    "functionfuse-storage 0.1 holds no FileStorage for Ray yet: it comes with 0.2; "
    "functionfuse.storage.filestorage keeps results in a folder today"
)
raise ImportError(msg, name=__name__)
