"""Results as objects in S3.

>>> from functionfuse.storage.s3storage import S3FileStorage
>>> S3FileStorage("bucket/results", {"endpoint_url": "http://127.0.0.1:9000"})
S3FileStorage('bucket/results', endpoint_url='http://127.0.0.1:9000')
"""

import importlib.util

if importlib.util.find_spec("s3fs") is None:
    msg = 'functionfuse.storage.s3storage needs s3fs: pip install "functionfuse-core[s3]"'
    raise ImportError(msg, name="s3fs")

from functionfuse.storage.s3storage._storage import S3FileStorage

__all__ = ["S3FileStorage"]
