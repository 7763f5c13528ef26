"""Going on with an audit: unreadable pictures once more, after a decoder's crash, and only with the same view."""

from __future__ import annotations

import numpy as np
import pytest

from mia_viz.audit.run import Options, audit
from mia_viz.audit.source import Source
from mia_viz.audit.trying import Trying
from mia_viz.pictures.picture import View
from tests.audit.test_audit import PLANS, SMALL, table


def test_trying_again_keeps_the_old_rows_until_the_new_ones_are_there(bad, wavy, tmp_path):
    audit(wavy, bad, PLANS, tmp_path / "out", SMALL)
    before = table(tmp_path / "out")

    class Vanishing(Source):
        def open(self, path):
            raise OSError(5, "Input/output error")

        def _pictures(self, found):
            if found.name == "0005.png":
                raise OSError(5, "Input/output error")  # the storage fails in the middle of the second part
            return super()._pictures(found)

        def count(self):
            return 12

    with pytest.raises(OSError, match="Input/output"):
        audit(wavy, Vanishing(bad.where), PLANS, tmp_path / "out", Options(part=3, batch=2, retry=True))
    assert table(tmp_path / "out").num_rows == 12
    assert table(tmp_path / "out").slice(3).equals(before.slice(3))
    end = audit(wavy, bad, PLANS, tmp_path / "out", Options(part=3, batch=2, retry=True))
    assert end.done == 9
    assert table(tmp_path / "out").equals(before)


def test_a_run_that_a_file_ended_goes_on_with_the_same_table(folder, wavy, tmp_path):
    source = Source(str(folder))
    audit(wavy, source, PLANS, tmp_path / "whole", SMALL)
    (tmp_path / "out").mkdir()
    Trying(tmp_path / "out").note(4)  # what a crash at place 4 leaves behind
    audit(wavy, source, PLANS, tmp_path / "out", SMALL)
    assert table(tmp_path / "out").equals(table(tmp_path / "whole"))
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"audit.json", "parts"}


def test_another_view_is_another_audit(folder, wavy, tmp_path):
    np.save(folder / "stack.npy", np.arange(5)[:, None, None].repeat(16, 1).repeat(16, 2).astype(np.uint8) * 60)
    source = Source(str(folder))
    for k in (0, 2):
        audit(wavy, source, PLANS[:1], tmp_path / str(k), Options(view=View(slice=k)))
        assert table(tmp_path / str(k)).to_pylist()[-1]["notes"].startswith(f"Slice {k} of 0 to 4")
    first, last = (table(tmp_path / k).drop(["pixels_sha256"]).to_pylist() for k in ("0", "2"))
    assert first[:12] == last[:12]
    assert first[12]["loss.score"] != last[12]["loss.score"]
    with pytest.raises(ValueError, match="another preparation;"):
        audit(wavy, source, PLANS[:1], tmp_path / "0", Options(view=View(slice=1)))
