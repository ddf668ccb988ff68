"""A serializer that writes dask arrays as zarr, chunk by chunk, and reads them lazily.

>>> import tempfile
>>> import dask.array
>>> from functionfuse.serializers.daskarray import DaskArraySerializer
>>> from functionfuse.storage.filestorage import FileStorage
>>> storage = FileStorage(tempfile.mkdtemp())
>>> storage.register_persistent_serializers(DaskArraySerializer)
>>> _ = storage.save("w", "ones", dask.array.ones((4, 4), chunks=2))
>>> ones = storage.read_task("w", "ones")
>>> ones.chunks, float(ones.sum().compute())
(((2, 2), (2, 2)), 16.0)
"""

import sys

if sys.version_info < (3, 11):
    msg = "functionfuse.serializers.daskarray needs Python 3.11 or newer, since zarr 3 does"
    raise ImportError(msg, name="zarr")

try:
    from functionfuse.serializers.daskarray._serializer import DaskArraySerializer
except ModuleNotFoundError as error:
    msg = (
        f"functionfuse.serializers.daskarray needs dask and zarr 3, and {error.name} is missing: "
        'pip install "functionfuse-core[dask]"'
    )
    raise ImportError(msg, name=error.name) from error

__all__ = ["DaskArraySerializer"]
