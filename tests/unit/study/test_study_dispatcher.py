"""What a recipe says of its trials reaches the dispatcher."""

from automtl.dispatch.ray_tune import RayTuneDispatcher
from automtl.space.parts import Resources
from automtl.space.recipe import find_recipe, load_recipe
from automtl.study.folder import Settings
from automtl.study.machine import dispatcher_of


def test_share_and_longest_silence_of_a_trial():
    asked = Resources(cpu=2, gpu=0.5, max_silence_minutes=90)
    recipe = load_recipe(find_recipe("quickstart")).model_copy(update={"resources": asked})
    found = dispatcher_of(Settings(slots=3), recipe)
    assert isinstance(found, RayTuneDispatcher)
    assert (found.slots, found.max_silence_s) == (3, 5400)
    assert found.resources == {"cpu": 2, "gpu": 0.5}
