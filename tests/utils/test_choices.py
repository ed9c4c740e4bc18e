from ignite_unlearn.utils.choices import advice


def test_a_name_that_is_like_others_is_told_with_them_alone():
    assert advice("iteration", ["iterations", "samples", "seed"]) == "did you mean iterations?"
    assert advice("lr", ["g_lr", "d_lr", "samples"]) == "did you mean g_lr or d_lr?"


def test_a_name_that_differs_in_capitals_is_found_as_it_is_written():
    assert advice("CAT", ["Cat", "dog"]) == "did you mean Cat?"


def test_a_name_that_is_like_none_is_told_with_all():
    assert advice("magic", ["noise", "own"]) == "choose of noise, own."
    assert advice("magic", ["noise", "own"], otherwise="give one.") == "give one."
