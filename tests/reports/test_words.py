"""Numbers and sentences: written as in the paper, and as the results allow."""

import pandas as pd
import pytest

from grfkit.reports import words as report_words

TABLE1 = [
    ("lstm", "AP", 0.99, 0.05),
    ("lstm", "ML", 0.95, 0.02),
    ("lstm", "V", 0.98, 0.11),
    ("mean_curve", "AP", 0.98, 0.06),
    ("mean_curve", "ML", 0.95, 0.02),
    ("mean_curve", "V", 0.99, 0.12),
]


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({}, "the RMSE is 17 % smaller in AP, the same in ML and 8 % smaller in V; r is no higher in ML and V."),
        (
            {2: (0.995, 0.11), 1: (0.951, 0.019)},
            "the RMSE is 17 % smaller in AP, 5 % smaller in ML and 8 % smaller in V.",
        ),
        (
            {0: (0.981, 0.07), 1: (0.96, 0.02), 2: (0.9, 0.2)},
            "the RMSE is 17 % larger in AP, the same in ML and 67 % larger in V; r is no higher in V.",
        ),
        (
            {0: (float("nan"), float("nan")), 1: (float("nan"), float("nan")), 2: (0.995, 0.11)},
            "the RMSE is not estimated in AP, not estimated in ML and 8 % smaller in V.",
        ),
    ],
)
def test_in_short_says_how_far_it_is_from_the_baseline(changes, sentence):
    rows = [(*row[:2], *changes.get(place, row[2:])) for place, row in enumerate(TABLE1)]
    table = pd.DataFrame(rows, columns=["estimator", "direction", "r_mean", "rmse_bw_mean"]).assign(
        nrmse_pct_mean=4.361, n=17, published_rmse_bw_mean=0.777, published_nrmse_pct_mean=6.54
    )
    first, second = report_words.in_short(table, "2 runners")
    error = rows[2][3]
    assert first.replace("\u00a0", " ") == (
        f"In 17 stances of 2 runners, the estimated vertical force is off by {f'{error:.3f}'[1:]} BW, 4.4 % of its "
        "range (RMSE). Published: .777 BW, 6.5 %."
    )
    assert second.replace("\u00a0", " ").endswith(sentence) and "uses no points" in second
    assert report_words.in_short(None, "runners") == []
    errors = {"impact_peak_bw": (7.0, 9.0), "active_peak_bw": (3.5, 2.8), "vlr_bw_s": (7.0, 7.5)}
    table3 = pd.DataFrame(
        [(name, feature, both[i]) for i, name in enumerate(("lstm", "mean_curve")) for feature, both in errors.items()],
        columns=["estimator", "feature", "rel_error_pct_mean"],
    )
    third = report_words.in_short(table, "2 runners", table3)[2]
    assert third == "The relative error is smaller than the baseline's for 2 of 3 features, but not for active peak."
    only = table[table["estimator"] == "mean_curve"]
    assert "is the baseline itself" in report_words.in_short(only, "2 runners")[1]


@pytest.mark.parametrize(
    "value, decimals, text",
    [
        (0.9921, 3, ".992"),
        (1.0, 3, "1.000"),
        (-0.12, 2, "−.12"),
        (50.842, 2, "50.84"),
        (0.9996, 3, "1.000"),
        (float("nan"), 3, "–"),
        (None, 2, "–"),
    ],
)
def test_number_is_written_as_in_the_paper(value, decimals, text):
    assert report_words.number(value, decimals) == text


@pytest.mark.parametrize("duration, text", [(12.34, "12.3 s"), (245, "4 min 5 s"), (3725, "1 h 2 min"), (None, "")])
def test_seconds_suit_a_reader(duration, text):
    assert report_words.seconds(duration) == text


@pytest.mark.parametrize(
    "p, text",
    [(0.012, "p = .012"), (0.04995, "p = .04995"), (0.0502, "p = .05020"), (0.05, "p = .050"), (0.0004, "p < .001")],
)
def test_p_value_shows_on_which_side_of_the_level_it_is(p, text):
    assert report_words.p_value(p).replace("\u00a0", " ") == text


def test_an_interval_of_one_node_is_at_a_place():
    spans = [report_words.interval(*ends) for ends in ((11.2, 18.9), (11.1, 11.2), (0.0, 0.0), (99.6, 100.0))]
    assert [span.replace("\u00a0", " ") for span in spans] == ["11–19 %", "at 11 %", "at 0 %", "at 100 %"]


def hypothesis(good, blind=(), **options):
    names = ["AP", "ML", "V"]
    said = [dict(zip(names, values, strict=False)) for values in (good, blind)]
    return report_words.verdict("?", *said, "Found.", "rule", **options)


@pytest.mark.parametrize(
    "good, blind, none_may_fail, word",
    [
        ((True, True, True), (), False, "supported"),
        ((True, True, True), (False, False, False), False, "supported"),
        ((True, True, True), (True, True, True), False, "met, but proves nothing"),
        ((True, True, True), (True, False, True), False, "partly supported"),
        ((True, False, True), (True, False, True), False, "not supported"),  # what is met proves nothing
        ((True, False, True), (), False, "partly supported"),
        ((True, False, True), (), True, "not supported"),  # one that differs is against "none differs"
        ((True, True, True), (True, True, True), True, "met, but proves nothing"),
        ((True, True, True), (True, False, True), True, "supported"),
        ((), (), True, "not yet run"),
    ],
)
def test_verdict_means_what_it_says(good, blind, none_may_fail, word):
    assert hypothesis(good, blind, none_may_fail=none_may_fail)["word"] == word


def test_one_stance_has_no_p_and_is_not_called_not_yet_run():
    table = pd.DataFrame({"estimator": "lstm", "feature": ["vlr_bw_s"], "p": [float("nan")], "n": [1]})
    found = report_words.no_feature_differs(table)
    assert found["word"] == "not testable" and found["sentence"].startswith("1 stance cannot be tested")


def test_verdict_names_where_the_mean_curve_does_as_well():
    said = hypothesis((True, True, True), (True, False, True))["sentence"]
    assert said == "Found. The rule proves nothing about anterior-posterior and vertical: the mean curve meets it too."
    assert hypothesis((True, False, True), (True, False, True))["sentence"] == said  # why it is not supported
    assert hypothesis((True, False, True), (True, False, True), none_may_fail=True)["sentence"] == "Found."


def test_written_rounds_and_marks():
    assert [report_words.written(*given) for given in ((4937.4, -2), (-0.004, 2), (float("nan"), 1), (-1.25, 1))] == [
        "4,900",
        "0.00",
        "–",
        "−1.2",
    ]


@pytest.mark.parametrize(
    ("whitened", "plain", "said"),
    [
        (
            [0.2, 0.099, 0.051],
            [0.05, 0.2, 0.15],
            "forces, is .051 with the layer and .150 without it. The error of the mean curve is .100. "
            "With the layer the network is better than the mean curve from epoch 2 on. Without it the network is no "
            "better than the mean curve after the last epoch.",
        ),
        (
            [0.1, 0.1, 0.1],  # as good is not better
            [0.05, 0.05, 0.05],
            "With the layer the network is no better than the mean curve after the last epoch. Without it the network "
            "is better than the mean curve from epoch 1 on.",
        ),
        ([0.05, float("nan"), 0.05], [1, 1, float("nan")], "is .050 with the layer and – without it."),
    ],
)
def test_whitening_says_what_the_numbers_say(whitened, plain, said):
    table = pd.DataFrame({"epoch": [1, 2, 3], "whitened": whitened, "plain": plain, "mean_curve": 0.1})
    sentence = report_words.whitening(table)
    assert sentence.startswith("After 3 epochs the error") and said in sentence


def test_whitening_of_nothing_is_one_sentence():
    table = pd.DataFrame(columns=["epoch", "whitened", "plain", "mean_curve"])
    assert report_words.whitening(table).startswith("Nothing is compared: the recipe does not whiten")
