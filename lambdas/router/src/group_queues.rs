//! The order inside message groups.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// The messages of a batch, by their index in it, in one queue per group. Only the first message of each queue may be
/// processed, until it is done or has failed.
pub(crate) struct GroupQueues {
    queues: Vec<VecDeque<usize>>,
    failed: BTreeSet<usize>,
}

impl GroupQueues {
    /// The queues of the messages with these groups.
    pub(crate) fn new<'a>(groups: impl IntoIterator<Item = &'a str>) -> GroupQueues {
        let mut queues: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (message, group) in groups.into_iter().enumerate() {
            queues.entry(group).or_default().push_back(message);
        }
        GroupQueues { queues: queues.into_values().collect(), failed: BTreeSet::new() }
    }

    /// The first message of each queue, in the batch's order.
    pub(crate) fn heads(&self) -> BTreeSet<usize> {
        self.queues.iter().filter_map(|queue| queue.front().copied()).collect()
    }

    /// The first message of a queue is done: the next one of its group may follow.
    pub(crate) fn done(&mut self, head: usize) {
        if let Some(queue) = self.queue_of(head) {
            queue.pop_front();
        }
    }

    /// The first message of a queue has failed, and with it all later messages of its group.
    pub(crate) fn fail(&mut self, head: usize) {
        if let Some(queue) = self.queue_of(head) {
            let queue = std::mem::take(queue);
            self.failed.extend(queue);
        }
    }

    /// The messages that have failed, in the batch's order.
    pub(crate) fn failed(&self) -> &BTreeSet<usize> {
        &self.failed
    }

    fn queue_of(&mut self, head: usize) -> Option<&mut VecDeque<usize>> {
        self.queues.iter_mut().find(|queue| queue.front() == Some(&head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(queues: &GroupQueues) -> Vec<usize> {
        queues.heads().into_iter().collect()
    }

    fn failed(queues: &GroupQueues) -> Vec<usize> {
        queues.failed().iter().copied().collect()
    }

    #[test]
    fn messages_of_different_groups_may_be_processed_together() {
        assert_eq!(heads(&GroupQueues::new(["a", "b", "c"])), [0, 1, 2]);
    }

    #[test]
    fn the_next_message_of_a_group_may_be_processed_when_the_one_before_is_done() {
        let mut queues = GroupQueues::new(["a", "b", "a", "a"]);
        assert_eq!(heads(&queues), [0, 1]);
        queues.done(0);
        assert_eq!(heads(&queues), [1, 2]);
        queues.done(1);
        queues.done(2);
        assert_eq!(heads(&queues), [3]);
        queues.done(3);
        assert!(heads(&queues).is_empty() && failed(&queues).is_empty());
    }

    #[test]
    fn after_a_failure_the_later_messages_of_the_group_fail_and_no_others() {
        let mut queues = GroupQueues::new(["a", "b", "a", "b", "a"]);
        queues.done(0);
        queues.fail(2);
        assert_eq!(heads(&queues), [1]);
        assert_eq!(failed(&queues), [2, 4]);
    }

    #[test]
    fn failures_are_in_the_batchs_order_whatever_order_they_came_in() {
        let mut queues = GroupQueues::new(["a", "b", "a", "b"]);
        queues.fail(1);
        queues.fail(0);
        assert_eq!(failed(&queues), [0, 1, 2, 3]);
        assert!(heads(&queues).is_empty());
    }

    #[test]
    fn only_the_first_message_of_a_queue_can_be_done_or_fail() {
        let mut queues = GroupQueues::new(["a", "a"]);
        queues.done(1);
        queues.fail(1);
        assert_eq!(heads(&queues), [0]);
        assert!(failed(&queues).is_empty());
    }
}
