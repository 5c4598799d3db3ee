//! Of several quotas that a metric tells by one name, the one that counts. Pure.

use std::collections::BTreeMap;

/// The least of each key: an identity has a bucket at every endpoint of its region, and whoever asks looks for the one that is throttled.
pub(super) fn least<K: Ord>(limits: impl IntoIterator<Item = (K, u32)>) -> BTreeMap<K, u32> {
    let mut least = BTreeMap::new();
    for (key, limit) in limits {
        let lowest = least.entry(key).or_insert(limit);
        *lowest = limit.min(*lowest);
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_buckets_of_an_identity_the_one_that_allows_least_is_told() {
        for limits in [[270, 135, 200], [135, 270, 200], [200, 270, 135]] {
            let all = limits.map(|limit| (("cn-north-4", "0a1b2c3d"), limit));
            let other = (("cn-north-1", "0a1b2c3d"), 270);
            let lowest = least(all.into_iter().chain([other]));
            let lowest: Vec<u32> = lowest.into_values().collect();
            assert_eq!(lowest, [270, 135]);
        }
    }
}
