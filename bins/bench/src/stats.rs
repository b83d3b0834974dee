//! Percentiles and medians.

use std::time::Duration;

/// Returns the percentile of sorted values: the smallest value that at least `percent` percent of them do not exceed.
/// Returns the default, zero, if there are none.
pub(crate) fn percentile<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// Returns the median. Of an even number of values it is the lower one of the two in the middle.
pub(crate) fn median<T: Copy + Default + PartialOrd>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<_> = values.into_iter().collect();
    // Not `sort`: some of the values are floating-point numbers, which are not `Ord`.
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    percentile(&values, 50)
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Converts a number. The result is exact below 2^53, which no count or size here reaches.
#[expect(clippy::cast_precision_loss, reason = "no count or size here reaches 2^53")]
pub(crate) const fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Returns the number of elements.
pub(crate) fn count<T>(things: &[T]) -> f64 {
    as_f64(u64::try_from(things.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{median, percentile};

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (100, 198));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99), percentile::<i32>(&[], 50)), (7, 7, 0));
    }

    #[test]
    fn a_median_does_not_care_about_order() {
        assert_eq!((median([3, 9, 1, 7, 5]), median([2.0, 1.0]), median::<i32>([])), (5, 1.0, 0));
    }
}
