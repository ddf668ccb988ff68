"""What every backend's workflow refuses."""

import pytest

from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing.functions import keep


class Elsewhere(LocalWorkflow):
    UNREACHABLE_KINDS = ("file",)


def test_a_storage_that_workers_do_not_reach_is_refused(tmp_path):
    w = Elsewhere(keep(1), workflow_name="w")
    with pytest.raises(TypeError, match="of another kind than 'file'"):
        w.set_storage(FileStorage(tmp_path))
    assert w.storage is None
