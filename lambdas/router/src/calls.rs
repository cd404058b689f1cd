//! Which entries go into one call.

/// The most entries in one call:
/// [PutEvents](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
const MOST: usize = 10;

/// The largest sum of the entries of one call, in bytes. A lone entry may be larger: EventBridge takes events
/// of up to 1 MiB, but its API's documentation still allows 256 KiB in a call of several.
const LARGEST_TOGETHER: usize = 262_144;

/// Splits entries, given with their sizes in bytes, into calls.
pub(crate) fn calls<T>(entries: Vec<(T, usize)>) -> Vec<Vec<T>> {
    let mut calls: Vec<Vec<T>> = Vec::new();
    let mut together = 0;
    for (entry, size) in entries {
        match calls.last_mut() {
            Some(call) if call.len() < MOST && together + size <= LARGEST_TOGETHER => {
                together += size;
                call.push(entry);
            }
            _ => {
                together = size;
                calls.push(vec![entry]);
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_sizes(sizes: &[usize]) -> Vec<Vec<usize>> {
        calls(sizes.iter().copied().enumerate().collect())
    }

    #[test]
    fn nothing_needs_no_call() {
        assert!(of_sizes(&[]).is_empty());
    }

    #[test]
    fn ten_small_entries_are_one_call_and_the_eleventh_is_another() {
        assert_eq!(of_sizes(&[100; 10]).len(), 1);
        assert_eq!(of_sizes(&[100; 11]), [(0..10).collect(), vec![10]]);
    }

    #[test]
    fn a_call_is_filled_up_to_the_limit_and_not_beyond() {
        assert_eq!(of_sizes(&[262_044, 100]), [vec![0, 1]]);
        assert_eq!(of_sizes(&[262_044, 101]), [vec![0], vec![1]]);
    }

    #[test]
    fn an_entry_above_the_limit_goes_alone() {
        assert_eq!(of_sizes(&[10, 1_048_576, 10, 10]), [vec![0], vec![1], vec![2, 3]]);
    }
}
