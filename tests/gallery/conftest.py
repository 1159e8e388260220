import pytest
from saved_gallery import make


@pytest.fixture
def file(tmp_path):
    make().save(tmp_path / "people.gallery")
    return tmp_path / "people.gallery"
