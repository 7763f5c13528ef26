"""Going on with an audit: unreadable pictures once more, and only with the same model and view."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from mia_viz.audit.run import Options, audit
from mia_viz.audit.source import Source
from mia_viz.diffusion import Schedule
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


def asked_otherwise(target, **changes):
    """The same weights, asked in another way."""
    other = copy.copy(target)
    for name, value in changes.items():
        setattr(other, name, value)
    return other


OTHERWISE = {
    "another noise schedule": {"schedule": Schedule.linear(beta_end=0.03)},
    "another kind of prediction": {"prediction": "v_prediction"},
    "another range of the pictures' values": {"x0_range": (0.0, 1.0)},
    "another precision": {"precision": "bfloat16"},
    "another precision and another noise schedule": {"precision": "bfloat16", "schedule": Schedule.linear(500)},
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_model_asked_otherwise_is_refused(folder, wavy, tmp_path, name):
    source, other = Source(str(folder)), asked_otherwise(wavy, **OTHERWISE[name])
    audit(wavy, source, PLANS[:1], tmp_path, Options(part=3, batch=2, shard=(1, 2)))
    before = table(tmp_path)
    with pytest.raises(ValueError, match=f"holds an audit with {name}; go on with the same, or choose another folder"):
        audit(other, source, PLANS[:1], tmp_path, SMALL)
    assert table(tmp_path).equals(before)
    assert audit(wavy, source, PLANS[:1], tmp_path, SMALL).before == 6


def test_rounding_of_another_processor_is_no_other_schedule(folder, wavy, tmp_path):
    rounded = Schedule(wavy.schedule.alpha.float().double(), wavy.schedule.sigma.float().double())
    source = Source(str(folder))
    audit(wavy, source, PLANS[:1], tmp_path, Options(part=3, batch=2, shard=(1, 2)))
    assert audit(asked_otherwise(wavy, schedule=rounded), source, PLANS[:1], tmp_path, SMALL).done == 6


def test_an_audit_that_does_not_say_how_it_asked_is_gone_on_with(folder, wavy, tmp_path):
    """Those begun before that was written down."""
    source = Source(str(folder))
    audit(wavy, source, PLANS[:1], tmp_path, Options(part=3, batch=2, shard=(1, 2)))
    file = tmp_path / "audit.json"
    asked = json.loads(file.read_text())
    del asked["parametrisation"]
    file.write_text(json.dumps(asked))
    assert audit(wavy, source, PLANS[:1], tmp_path, SMALL).done == 6
    file.write_text("[1, 2]")
    with pytest.raises(ValueError, match=r"audit\.json is damaged"):
        audit(wavy, source, PLANS[:1], tmp_path, SMALL)


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
