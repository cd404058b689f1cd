//! A batch of messages while it is processed.

use std::collections::BTreeMap;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use dmm_aws::eventbridge::BusEvent;
use dmm_function::telemetry;
use dmm_telemetry::names::log;
use dmm_telemetry::{EventSpan, metrics};
use jiff::Timestamp;

use crate::error::{RouterError, Unpublishable};
use crate::event::{bus_event, parse};
use crate::group_queues::GroupQueues;
use crate::message::Message;

/// The messages of a batch, and what has happened to them.
pub(crate) struct Batch {
    pub(crate) items: Vec<Item>,
    pub(crate) queues: GroupQueues,
    pub(crate) published: usize,
    pub(crate) dead_lettered: usize,
}

/// A message with its event.
pub(crate) struct Item {
    pub(crate) message: Message,
    /// What to publish, or why it can never be published.
    pub(crate) event: Result<BusEvent, Unpublishable>,
    /// The work on it, in the event's trace.
    pub(crate) span: EventSpan,
    /// When the event happened, if it has a valid time.
    time: Option<Timestamp>,
    /// How often publishing it has failed for a transient reason.
    pub(crate) attempts: u32,
}

/// What happened to the first message of a group in a round.
pub(crate) enum Outcome {
    Published,
    /// It can never be published, for this reason.
    Unpublishable(String),
    /// It may be published if it is sent again, after this failure.
    Retry(String),
    /// Lambda has to deliver it again, for this reason.
    Failed(String),
}

/// What happened to messages, by their index in the batch.
pub(crate) type Outcomes = BTreeMap<usize, Outcome>;

impl Batch {
    /// # Errors
    ///
    /// [`RouterError`], if a message has no id.
    pub(crate) fn new(event: SqsEvent, bus: &str) -> Result<Batch, RouterError> {
        let messages = event.records.into_iter().map(Message::try_from);
        let items = messages.map(|message| Ok(Item::new(message?, bus))).collect::<Result<Vec<Item>, _>>()?;
        let queues = GroupQueues::new(items.iter().map(|item| item.message.group.as_str()));
        Ok(Batch { items, queues, published: 0, dead_lettered: 0 })
    }

    /// The first message of each group that is not done, with its index. None if all messages are done or have failed.
    pub(crate) fn heads(&self) -> Vec<(usize, &Item)> {
        let heads = self.queues.heads();
        self.items.iter().enumerate().filter(|(index, _)| heads.contains(index)).collect()
    }

    /// The answer to Lambda: the messages that have failed, in the batch's order. Also emits the metrics and the log line
    /// of the batch.
    pub(crate) fn answer(&self) -> SqsBatchResponse {
        let failed = self.queues.failed();
        let items = self.items.iter().enumerate().filter(|(index, _)| failed.contains(index));
        let mut answer = SqsBatchResponse::default();
        answer.set_failures(items.map(|(_, item)| &item.message.id));
        metrics::routed(self.published, self.dead_lettered, failed.len());
        if let Some(oldest) = self.items.iter().filter_map(|item| item.time).min() {
            metrics::event_age(oldest);
        }
        tracing::info!(
            { log::MESSAGES } = self.items.len(),
            { log::PUBLISHED } = self.published,
            { log::DEAD_LETTERED } = self.dead_lettered,
            { log::FAILED } = failed.len(),
            "the batch was routed"
        );
        answer
    }
}

impl Item {
    fn new(message: Message, bus: &str) -> Item {
        let event = match parse(&message.body) {
            Ok(event) => event,
            Err(reason) => {
                return Item {
                    message,
                    event: Err(reason),
                    span: EventSpan::none(),
                    time: None,
                    attempts: 0,
                };
            }
        };
        let Message { id, queue, trace_header, body, .. } = &message;
        let mut span = EventSpan::process(queue, id, trace_header.as_deref(), &telemetry::facts(&event));
        let time = event.time();
        let mut bus_event = bus_event(&event, body);
        if let Ok(bus_event) = &mut bus_event {
            // Functions continue the trace here. The event keeps its own context, for replays without a header.
            span.send(bus);
            if let Some(context) = span.context() {
                bus_event.trace_header = Some(context.xray);
            }
        }
        Item { message, event: bus_event, span, time, attempts: 0 }
    }
}
