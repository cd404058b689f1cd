//! The order inside groups.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// The messages of a batch, by their index in it, in one lane per group. Of each lane only the head may be
/// handled, until it is done or has failed.
pub(crate) struct Lanes {
    lanes: Vec<VecDeque<usize>>,
    failed: BTreeSet<usize>,
}

impl Lanes {
    /// The lanes of the messages with these groups.
    pub(crate) fn new<'a>(groups: impl IntoIterator<Item = &'a str>) -> Lanes {
        let mut lanes: Vec<VecDeque<usize>> = Vec::new();
        let mut lane_of = HashMap::new();
        for (message, group) in groups.into_iter().enumerate() {
            let lane = *lane_of.entry(group).or_insert(lanes.len());
            if lane == lanes.len() {
                lanes.push(VecDeque::new());
            }
            lanes[lane].push_back(message);
        }
        Lanes { lanes, failed: BTreeSet::new() }
    }

    /// What may be handled next, one message per group, in the batch's order.
    pub(crate) fn heads(&self) -> Vec<usize> {
        let mut heads: Vec<usize> = self.lanes.iter().filter_map(|lane| lane.front().copied()).collect();
        heads.sort_unstable();
        heads
    }

    /// The head of a lane is done: the next one may follow.
    pub(crate) fn done(&mut self, head: usize) {
        if let Some(lane) = self.lane_of(head) {
            lane.pop_front();
        }
    }

    /// The head of a lane has failed, and with it everything behind it.
    pub(crate) fn fail(&mut self, head: usize) {
        if let Some(lane) = self.lane_of(head) {
            let lane = std::mem::take(lane);
            self.failed.extend(lane);
        }
    }

    /// What has failed, in the batch's order.
    pub(crate) fn failed(&self) -> impl Iterator<Item = usize> {
        self.failed.iter().copied()
    }

    fn lane_of(&mut self, head: usize) -> Option<&mut VecDeque<usize>> {
        self.lanes.iter_mut().find(|lane| lane.front() == Some(&head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(lanes: &Lanes) -> Vec<usize> {
        lanes.failed().collect()
    }

    #[test]
    fn messages_of_different_groups_may_all_be_handled_at_once() {
        assert_eq!(Lanes::new(["a", "b", "c"]).heads(), [0, 1, 2]);
    }

    #[test]
    fn of_one_group_the_next_may_be_handled_when_the_one_before_is_done() {
        let mut lanes = Lanes::new(["a", "b", "a", "a"]);
        assert_eq!(lanes.heads(), [0, 1]);
        lanes.done(0);
        assert_eq!(lanes.heads(), [1, 2]);
        lanes.done(1);
        lanes.done(2);
        assert_eq!(lanes.heads(), [3]);
        lanes.done(3);
        assert!(lanes.heads().is_empty() && failed(&lanes).is_empty());
    }

    #[test]
    fn after_a_failure_the_later_messages_of_the_group_fail_and_no_others() {
        let mut lanes = Lanes::new(["a", "b", "a", "b", "a"]);
        lanes.done(0);
        lanes.fail(2);
        assert_eq!(lanes.heads(), [1]);
        assert_eq!(failed(&lanes), [2, 4]);
    }

    #[test]
    fn failures_are_in_the_batch_s_order_whatever_order_they_came_in() {
        let mut lanes = Lanes::new(["a", "b", "a", "b"]);
        lanes.fail(1);
        lanes.fail(0);
        assert_eq!(failed(&lanes), [0, 1, 2, 3]);
        assert!(lanes.heads().is_empty());
    }

    #[test]
    fn only_a_head_can_be_done_or_fail() {
        let mut lanes = Lanes::new(["a", "a"]);
        lanes.done(1);
        lanes.fail(1);
        assert_eq!(lanes.heads(), [0]);
        assert!(failed(&lanes).is_empty());
    }
}
