"""What tests of several modules use."""

import pytest

from tests.intake.handed_in import Chosen, archive, chosen, write


@pytest.fixture
def found(tmp_path):
    """Collect from a folder and from an archive of the same files; both must agree."""

    def found(files, **more) -> dict[str, Chosen]:
        write(tmp_path / "folder", files)
        archive(tmp_path / "submissions.zip", files)
        folder, _ = chosen(tmp_path / "folder", **more)
        unpacked, _ = chosen(tmp_path / "submissions.zip", **more)
        assert folder.keys() == unpacked.keys()
        for student, each in folder.items():
            other = unpacked[student]
            assert (each.reason, each.notes, each.lms, each.lms_id, each.name, each.text) == (
                other.reason, other.notes, other.lms, other.lms_id, other.name, other.text,
            )  # fmt: skip
        return folder

    return found
