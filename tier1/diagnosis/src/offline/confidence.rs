//! How sure an answer is: from scores to the share of such answers that is right.
//!
//! Fitted on 125 cases that nobody had read or taught (a logistic regression of right answers on score and margin of the first),
//! and checked on as many others: docs/doctor.md has both. Above three quarters it is held back, so that few answers are
//! stated as nearly certain: the signs of one case are not independent, and what nobody taught is always possible.

/// The regression: where nothing leads, what a unit of margin adds, and what a unit of score does.
const OFFSET: f64 = -1.45;
const MARGIN: f64 = 0.21;
const LEVEL: f64 = 0.085;
/// Pairs of what the regression gives and what is stated; straight lines between them.
const STATED: [(f64, f64); 4] = [(0.0, 0.0), (0.75, 0.75), (0.93, 0.8), (1.0, 0.97)];
/// How steeply the odds of the others follow from their scores, fitted likewise.
const STEEPNESS: f64 = 0.65;
/// The score of "none of these", which counts among the others.
const NONE_OF_THESE: f64 = 2.2;

/// The confidence in each cause, of scores with the best first; none is higher than the one before it.
pub(super) fn of(scores: &[f64]) -> Vec<f64> {
    let Some((first, others)) = scores.split_first() else { return Vec::new() };
    let margin = first - others.first().copied().unwrap_or(NONE_OF_THESE);
    let best = stated(1.0 / (1.0 + (-(OFFSET + MARGIN * margin + LEVEL * first)).exp()));
    let odds = |score: f64| (STEEPNESS * (score - first)).exp();
    let all: f64 = others.iter().map(|score| odds(*score)).sum::<f64>() + odds(NONE_OF_THESE);
    let share = |score: &f64| ((1.0 - best) * odds(*score) / all).min(best);
    std::iter::once(best).chain(others.iter().map(share)).collect()
}

fn stated(fitted: f64) -> f64 {
    let pairs = STATED.windows(2).find(|pair| fitted <= pair[1].0);
    pairs.map_or(STATED[3].1, |pair| {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        low + (high - low) * (fitted - from) / (to - from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_margin_is_never_less_sure_and_all_together_are_one_at_most() {
        let mut last = 0.0;
        for margin in 0..40 {
            let scores = [4.0 + f64::from(margin), 4.0, 3.0, 1.0, 0.0];
            let stated = of(&scores);
            assert!(stated[0] >= last && stated[0] < 0.98, "{stated:?}");
            last = stated[0];
            assert!(stated.iter().sum::<f64>() <= 1.0 + 1e-9, "{stated:?}");
            assert!(stated.windows(2).all(|pair| pair[0] >= pair[1]), "{stated:?}");
        }
        assert!(last > 0.9);
        assert!(of(&[2.0, 2.0, 2.0])[0] < 0.3, "nothing leads");
        assert!(of(&[]).is_empty());
    }
}
