//! Measured times, their medians, and a ratio with its confidence interval.

use std::time::Duration;

/// The times of one measurement.
#[derive(Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64());
    }

    /// Returns the median in seconds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.0)
    }
}

/// Returns the middle value, or the mean of the two middle values. Without values it returns NaN.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len() / 2, sorted.len() % 2) {
        (0, 0) => f64::NAN,
        (half, 0) => f64::midpoint(sorted[half - 1], sorted[half]),
        (half, _) => sorted[half],
    }
}

/// A ratio and its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Ratio {
    /// Returns the median of the ratios, one ratio for each pair of measurements.
    ///
    /// The interval is computed by bootstrap: 10,000 times, as many ratios are drawn with
    /// replacement, and their median is noted. The interval contains the middle 95 % of these
    /// medians. The generator has a fixed seed, so the same ratios give the same interval.
    pub(crate) fn of(ratios: &[f64]) -> Self {
        const DRAWS: usize = 10_000;
        let mut random = SplitMix(17);
        let mut medians: Vec<f64> = (0..DRAWS)
            .map(|_| {
                median(
                    &ratios.iter().map(|_| ratios[random.below(ratios.len())]).collect::<Vec<_>>(),
                )
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        Self {
            value: median(ratios),
            low: medians[DRAWS * 25 / 1000],
            high: medians[DRAWS * 975 / 1000 - 1],
        }
    }
}

/// The generator splitmix64 (<https://prng.di.unimi.it/splitmix64.c>).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit.max(1) as u64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_the_mean_of_both() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_same_pairs_give_the_same_interval() {
        let ratios: Vec<f64> = (0..20).map(|n| 0.9 + f64::from(n * 7 % 20) / 100.0).collect();
        assert_eq!(Ratio::of(&ratios), Ratio::of(&ratios));
    }

    #[test]
    fn the_interval_holds_the_median_and_narrows_with_pairs() {
        let spread = |count: i32| {
            let ratio = Ratio::of(
                &(0..count)
                    .map(|n| 0.9 + f64::from(n * 37 % count) / f64::from(count) / 5.0)
                    .collect::<Vec<_>>(),
            );
            assert!(ratio.low <= ratio.value && ratio.value <= ratio.high, "{ratio:?}");
            ratio.high - ratio.low
        };
        assert!(spread(200) < spread(20) / 2.0);
        // For the median of 20 even steps, order statistics give a 95 % interval from 0.935 to
        // 1.055.
        let twenty = Ratio::of(&(0..20).map(|n| 0.9 + f64::from(n) / 100.0).collect::<Vec<_>>());
        assert!(
            (twenty.low - 0.945).abs() < 0.011 && (twenty.high - 1.045).abs() < 0.011,
            "{twenty:?}"
        );
    }

    #[test]
    fn equal_pairs_have_an_interval_of_one_point() {
        assert_eq!(Ratio::of(&[1.25; 5]), Ratio { value: 1.25, low: 1.25, high: 1.25 });
    }
}
