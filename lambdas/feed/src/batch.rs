//! Which messages go into one call.

use crate::message::{LARGEST, Message};

/// The most messages in one call, see
/// [SendMessageBatch](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
const MOST: usize = 10;

/// Splits the messages into as few calls as their order allows.
pub(crate) fn batches(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut batches: Vec<Vec<Message>> = Vec::new();
    let mut size = 0;
    for message in messages {
        let more = message.size();
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST && size + more <= LARGEST => {
                size += more;
                batch.push(message);
            }
            _ => {
                size = more;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use dmm_telemetry::EventSpan;

    use super::*;

    /// Messages of these sizes, at positions from 0.
    fn messages(sizes: &[usize]) -> Vec<Message> {
        let message = |(position, size): (usize, &usize)| {
            let mut message = Message {
                position,
                body: String::new(),
                group: "group".to_owned(),
                deduplication_id: position.to_string(),
                event_type: "type".to_owned(),
                trace_header: None,
                span: EventSpan::none(),
            };
            message.body = "x".repeat(size - message.size());
            message
        };
        sizes.iter().enumerate().map(message).collect()
    }

    fn positions(sizes: &[usize]) -> Vec<Vec<usize>> {
        let positions = |batch: Vec<Message>| batch.iter().map(|message| message.position).collect();
        batches(messages(sizes)).into_iter().map(positions).collect()
    }

    #[test]
    fn nothing_needs_no_call() {
        assert!(batches(Vec::new()).is_empty());
    }

    #[test]
    fn small_messages_go_ten_to_a_call_in_their_order() {
        let batches = positions(&[100; 23]);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
        assert_eq!(batches.concat(), (0..23).collect::<Vec<_>>());
    }

    #[test]
    fn a_call_is_filled_up_to_the_limit_and_not_beyond() {
        assert_eq!(positions(&[LARGEST - 100, 100]), [vec![0, 1]]);
        assert_eq!(positions(&[LARGEST - 100, 101]), [vec![0], vec![1]]);
    }

    #[test]
    fn the_order_is_kept_where_a_later_message_would_fit_into_an_earlier_call() {
        assert_eq!(positions(&[600_000, 600_000, 100]), [vec![0], vec![1, 2]]);
    }

    #[test]
    fn the_largest_message_goes_alone() {
        assert_eq!(positions(&[100, LARGEST, 100]), [vec![0], vec![1], vec![2]]);
    }
}
