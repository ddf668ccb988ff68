"""Serializers: classes of which a storage writes the objects in a way of their own.

A serializer says how objects of one class are written, usually into large files beside
the result, how they are read again, and how they are removed. What it makes of an object
is a *persistent id* of literals: it stands in the result in the object's place.

    >>> import json, tempfile, uuid
    >>> from functionfuse.serializers import FILE_PROTOCOL
    >>> from functionfuse.storage.filestorage import FileStorage
    >>> class Table:
    ...     def __init__(self, rows):
    ...         self.rows = rows
    >>> class TableSerializer:
    ...     name = "table"
    ...     serializer_class = Table
    ...
    ...     @classmethod
    ...     def pickle(cls, obj, protocols):
    ...         filename = f"{uuid.uuid4().hex}.json"
    ...         with protocols[FILE_PROTOCOL].open(filename, "w") as file:
    ...             json.dump(obj.rows, file)
    ...         return cls.name, filename
    ...
    ...     @classmethod
    ...     def unpickle(cls, pid, protocols):
    ...         with protocols[FILE_PROTOCOL].open(pid, "r") as file:
    ...             return Table(json.load(file))
    ...
    ...     @classmethod
    ...     def remove(cls, pid, protocols):
    ...         protocols[FILE_PROTOCOL].remove(pid)
    >>> storage = FileStorage(tempfile.mkdtemp())
    >>> storage.register_persistent_serializers(TableSerializer)
    >>> _ = storage.save("w", "tables", {"small": Table([[1, 2]])})
    >>> storage.read_task("w", "tables")["small"].rows
    [[1, 2]]
"""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)

from functionfuse.serializers.protocols import (
    FILE_PROTOCOL,
    S3_PROTOCOL,
    FileProtocol,
    Serializer,
)

__all__ = ["FILE_PROTOCOL", "S3_PROTOCOL", "FileProtocol", "Serializer"]
