"""The lists of the 1:N protocol of IJB-B and IJB-C."""

import pytest

from keras_arcface.data import read_ijb_searches

HEAD = "TEMPLATE_ID,SUBJECT_ID,FILENAME"
LISTS = {
    "ijbc_1N_gallery_G1.csv": ["1,10,a.jpg", "1,10,b.jpg", "2,20,c.jpg"],
    "ijbc_1N_gallery_G2.csv": ["3,30,d.jpg"],
    "ijbc_1N_probe_mixed.csv": ["7,30,e.jpg", "5,10,f.jpg", "7,30,g.jpg"],
}


def write(folder, lists):
    folder.mkdir(exist_ok=True)
    for name, lines in lists.items():
        (folder / name).write_text("\n".join([HEAD, *lines]) + "\n")


@pytest.mark.parametrize("sub_folder", [".", "meta"])
def test_a_template_comes_once_with_its_subject(tmp_path, sub_folder):
    write(tmp_path / sub_folder, LISTS)
    found = read_ijb_searches(tmp_path)
    assert found.probe.tolist() == [7, 5]
    assert found.probe_labels.tolist() == [30, 10]
    galleries = [[x.tolist() for x in gallery] for gallery in found.galleries]
    assert galleries == [[[1, 2], [10, 20]], [[3], [30]]]
    assert found.describe() == "2 probes in galleries of 2 and 1 templates"


def test_the_galleries_of_ijbb_have_other_names(tmp_path):
    names = [name.replace("c_", "b_").replace("_G", "_S") for name in LISTS]
    write(tmp_path, dict(zip(names, LISTS.values(), strict=True)))
    assert len(read_ijb_searches(tmp_path).galleries) == 2


@pytest.mark.parametrize(
    "lines, message",
    [
        (["3,30,d", "x,1"], "G2.csv, line 3: expected the numbers.*'x,1"),
        (["3"], "line 2: expected the numbers"),
        (["3,30", "3,31"], "line 3: template 3 has subject 31 here and 30"),
        ([], "names no template"),
    ],
)
def test_wrong_lines_are_named(tmp_path, lines, message):
    write(tmp_path, LISTS | {"ijbc_1N_gallery_G2.csv": lines})
    with pytest.raises(ValueError, match=message):
        read_ijb_searches(tmp_path)


def test_a_missing_or_doubled_list_is_named(tmp_path):
    write(tmp_path, LISTS)
    write(tmp_path, {"ijbb_1N_probe_mixed.csv": ["1,1"]})
    with pytest.raises(ValueError, match="several lists .*probe_mixed"):
        read_ijb_searches(tmp_path)
    (tmp_path / "ijbb_1N_probe_mixed.csv").unlink()
    (tmp_path / "ijbc_1N_gallery_G1.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"gallery_\[GS\]1.csv"):
        read_ijb_searches(tmp_path)
