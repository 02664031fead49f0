"""Which galaxies of a pool a model predicts."""

from hypothesis import given
from hypothesis import strategies as st

from activezoo.survey.roles import to_score

IDS = [f"{number:03}" for number in range(60)]


@given(st.sets(st.sampled_from(IDS)), st.integers(1, 60) | st.none())
def test_the_others_are_the_same_without_the_labelled_galaxies(labelled, scored):
    with_labelled, without = (to_score(IDS, labelled, scored, ("key",), too) for too in (True, False))
    assert without == [galaxy for galaxy in with_labelled if galaxy not in labelled]


@given(st.sets(st.sampled_from(IDS)), st.integers(1, 60), st.integers(0, 3))
def test_labelled_galaxies_and_so_many_others_are_scored_in_the_order_of_the_pool(labelled, scored, iteration):
    drawn = to_score(IDS, labelled, scored, ("smooth", 1, iteration, "scored"))
    assert drawn == sorted(set(drawn))
    assert labelled <= set(drawn)
    assert len(set(drawn) - labelled) == min(scored, len(IDS) - len(labelled))
    assert drawn == to_score(IDS, labelled, scored, ("smooth", 1, iteration, "scored"))


def test_each_model_draws_anew_and_each_galaxy_as_often_as_another():
    parts = [to_score(IDS, set(), 15, ("smooth", 1, iteration, "scored")) for iteration in range(400)]
    assert len(set(map(tuple, parts))) == len(parts)
    times = [sum(galaxy in part for part in parts) for galaxy in IDS]
    # Binomial of 400 and a quarter: mean 100, standard deviation 8.7; five of these, for sixty galaxies.
    assert min(times) > 56
    assert max(times) < 144


def test_without_a_number_all_are_scored():
    assert to_score(IDS, set(IDS[:3]), None, ("key",)) == IDS
