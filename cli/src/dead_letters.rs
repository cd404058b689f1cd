//! `dmm dead-letters`: lists, sends again and deletes events that could not be published, delivered or processed.

use std::fmt;
use std::path::Path;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::call::failed;
use crate::cli::{DeadLetters, Selection};
use crate::error::CliError;
use crate::event;
use crate::functions::invoke;
use crate::letters::{Letter, Message, Queue};
use crate::selection::{choose, find};
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm, progress, shown};

/// How long messages are hidden from others while they are listed or processed, in seconds: the longest time limit of a function,
/// with a reserve.
const HIDDEN: i32 = 960;
/// The maximum number of messages in a call.
const BATCH: i32 = 10;

/// The messages of all queues. Until they are released, nobody else receives them.
struct Held<'a> {
    stack: &'a Stack,
    messages: Vec<(Message, Letter)>,
}

/// What `list` prints.
#[derive(Debug, Serialize)]
pub struct List {
    /// The events.
    pub events: Vec<Letter>,
}

/// What `resend` and `drop` print.
#[derive(Debug, Serialize)]
pub struct Results {
    /// What happened to each event.
    pub results: Vec<EventResult>,
}

/// What happened to an event.
#[derive(Debug, Serialize)]
pub struct EventResult {
    /// SQS's id of the message.
    pub id: String,
    /// The queue in which it was.
    pub queue: Queue,
    /// What happened.
    pub outcome: Outcome,
    /// Why it is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What happened to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was processed, or is in the queue of events again.
    Resent,
    /// It was deleted.
    Dropped,
    /// It failed again, and is where it was.
    Failed,
}

/// Runs one of the commands.
///
/// # Errors
///
/// [`CliError`].
pub async fn run(stack: &Stack, command: DeadLetters, terminal: &mut Terminal) -> Result<bool, CliError> {
    let held = Held::all(stack).await?;
    let done = match command {
        DeadLetters::List => {
            let list = List { events: held.messages.iter().map(|(_, letter)| letter.clone()).collect() };
            terminal.print(&list).map(|()| list.events.is_empty())
        }
        DeadLetters::Show { id } => held.show(&id, terminal),
        DeadLetters::Resend { which, event } => held.resend(&which, event.as_deref(), terminal).await,
        DeadLetters::Drop { which, yes } => held.drop(&which, yes, terminal).await,
    };
    // Also after an error, so that nothing stays hidden.
    held.release().await?;
    done
}

/// The events in the three dead-letter queues.
///
/// # Errors
///
/// [`CliError`] if a queue cannot be read.
pub async fn list(stack: &Stack) -> Result<Vec<Letter>, CliError> {
    let held = Held::all(stack).await?;
    let letters = held.messages.iter().map(|(_, letter)| letter.clone()).collect();
    held.release().await?;
    Ok(letters)
}

/// Processes the event of one message again.
///
/// # Errors
///
/// [`CliError`] if the message does not exist or the queues cannot be read. If the event fails again, the [`EventResult`] says so.
pub async fn resend_one(stack: &Stack, id: &str) -> Result<EventResult, CliError> {
    let held = Held::all(stack).await?;
    let result = match find(&held.messages, id_of, id) {
        Ok((message, letter)) => Ok(held.resend_message(message, letter, None).await),
        Err(error) => Err(error),
    };
    held.release().await?;
    result
}

impl<'a> Held<'a> {
    async fn all(stack: &'a Stack) -> Result<Held<'a>, CliError> {
        let mut messages = Vec::new();
        for queue in Queue::ALL {
            loop {
                let received = receive(stack, queue).await?;
                if received.is_empty() {
                    break;
                }
                messages.extend(received.into_iter().map(|message| {
                    let letter = Letter::read(queue, &message);
                    (message, letter)
                }));
            }
        }
        Ok(Held { stack, messages })
    }

    /// Makes the messages visible again. A message that was deleted meanwhile is left out by SQS.
    async fn release(&self) -> Result<(), CliError> {
        for queue in Queue::ALL {
            let messages: Vec<&Message> = self
                .messages
                .iter()
                .filter(|(_, letter)| letter.queue == queue)
                .map(|(message, _)| message)
                .collect();
            for batch in messages.chunks(10) {
                let mut entries = Vec::new();
                for (index, message) in batch.iter().enumerate() {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(index.to_string())
                        .receipt_handle(&message.receipt)
                        .visibility_timeout(0)
                        .build();
                    entries.extend(entry.ok());
                }
                let call = self.stack.sqs.change_message_visibility_batch().queue_url(url(self.stack, queue));
                call.set_entries(Some(entries))
                    .send()
                    .await
                    .map_err(failed("sqs:ChangeMessageVisibility"))?;
            }
        }
        Ok(())
    }

    fn show(&self, id: &str, terminal: &mut Terminal) -> Result<bool, CliError> {
        let (message, letter) = find(&self.messages, id_of, id)?;
        let body = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::from(message.body.clone()));
        terminal.print(&Shown { letter: letter.clone(), body })?;
        Ok(true)
    }

    async fn resend(
        &self,
        which: &Selection,
        event: Option<&Path>,
        terminal: &mut Terminal,
    ) -> Result<bool, CliError> {
        let chosen = choose(&self.messages, id_of, which)?;
        let event = event.map(event::read).transpose()?;
        let mut results = Vec::new();
        for (message, letter) in &chosen {
            progress(format_args!("sending {} again", letter.id));
            results.push(self.resend_message(message, letter, event.as_ref()).await);
        }
        let all_sent = results.iter().all(|result| result.outcome == Outcome::Resent);
        terminal.print(&Results { results })?;
        Ok(all_sent)
    }

    /// Sends one event again, or a repaired one instead, and deletes its message.
    async fn resend_message(
        &self,
        message: &Message,
        letter: &Letter,
        event: Option<&Map<String, Value>>,
    ) -> EventResult {
        let sent = match (event, letter.is_hopeless()) {
            (None, true) => Err(format!(
                "it can never be published: repair the event (`dmm dead-letters show {}`), and send it with --event",
                letter.id
            )),
            (Some(event), _) => {
                event::send(self.stack, event, &letter.id).await.map_err(|error| error.to_string())
            }
            (None, false) => self.again(message, letter).await,
        };
        let problem = match sent {
            Ok(()) => self.delete(message, letter).await.err().map(|error| error.to_string()),
            Err(problem) => Some(problem),
        };
        let outcome = if problem.is_none() { Outcome::Resent } else { Outcome::Failed };
        EventResult { id: letter.id.clone(), queue: letter.queue, outcome, problem }
    }

    /// Sends an event to where it failed.
    async fn again(&self, message: &Message, letter: &Letter) -> Result<(), String> {
        let Some(payload) = &letter.payload else {
            return Err("the message does not contain an event".to_owned());
        };
        match (&letter.function, letter.queue) {
            (Some(function), _) => {
                let answer: Result<Value, CliError> = invoke(self.stack, function, payload).await;
                answer.map(drop).map_err(|error| error.to_string())
            }
            (None, Queue::Unpublished) => self.to_events(message).await.map_err(|error| error.to_string()),
            (None, _) => Err("the message does not name a function".to_owned()),
        }
    }

    /// Sends a message to the queue of events as it is. Its deduplication id is the message's id: within five minutes, SQS would
    /// drop a message with the event's own id as a duplicate.
    async fn to_events(&self, message: &Message) -> Result<(), CliError> {
        let mut call = self
            .stack
            .sqs
            .send_message()
            .queue_url(&self.stack.names.events_queue_url)
            .message_body(&message.body)
            .set_message_group_id(message.group.clone())
            .message_deduplication_id(&message.id);
        for (name, value) in &message.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let value = value
                .map_err(|error| CliError::Call { action: "sqs:SendMessage", problem: error.to_string() })?;
            call = call.message_attributes(name, value);
        }
        call.send().await.map(drop).map_err(failed("sqs:SendMessage"))
    }

    async fn drop(&self, which: &Selection, yes: bool, terminal: &mut Terminal) -> Result<bool, CliError> {
        let chosen = choose(&self.messages, id_of, which)?;
        let events = if chosen.len() == 1 { "event" } else { "events" };
        confirm(&format!("Delete {} {events}? They cannot be restored.", chosen.len()), yes)?;
        let mut results = Vec::new();
        for (message, letter) in chosen {
            self.delete(message, letter).await?;
            let (id, queue) = (letter.id.clone(), letter.queue);
            results.push(EventResult { id, queue, outcome: Outcome::Dropped, problem: None });
        }
        terminal.print(&Results { results })?;
        Ok(true)
    }

    async fn delete(&self, message: &Message, letter: &Letter) -> Result<(), CliError> {
        let call = self.stack.sqs.delete_message().queue_url(url(self.stack, letter.queue));
        let call = call.receipt_handle(&message.receipt);
        call.send().await.map(drop).map_err(failed("sqs:DeleteMessage"))
    }
}

fn id_of((_, letter): &(Message, Letter)) -> &str {
    &letter.id
}

fn url(stack: &Stack, queue: Queue) -> &str {
    match queue {
        Queue::Unpublished => &stack.names.dead_letter_queue_url,
        Queue::Undelivered => &stack.names.undelivered_queue_url,
        Queue::Failed => &stack.names.failure_queue_url,
    }
}

async fn receive(stack: &Stack, queue: Queue) -> Result<Vec<Message>, CliError> {
    let received = stack
        .sqs
        .receive_message()
        .queue_url(url(stack, queue))
        .max_number_of_messages(BATCH)
        .visibility_timeout(HIDDEN)
        // A long poll asks all servers of the queue.
        .wait_time_seconds(1)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send()
        .await
        .map_err(failed("sqs:ReceiveMessage"))?;
    Ok(received.messages.unwrap_or_default().into_iter().map(read).collect())
}

fn read(message: aws_sdk_sqs::types::Message) -> Message {
    let system = message.attributes.unwrap_or_default();
    let sent = system.get(&MessageSystemAttributeName::SentTimestamp).and_then(|time| time.parse().ok());
    let attributes = message.message_attributes.unwrap_or_default().into_iter();
    Message {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: attributes.filter_map(|(name, value)| Some((name, value.string_value?))).collect(),
        sent: sent.and_then(|time| Timestamp::from_millisecond(time).ok()),
        group: system.get(&MessageSystemAttributeName::MessageGroupId).cloned(),
    }
}

/// What `show` prints.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    letter: Letter,
    body: Value,
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", Line(&self.letter))?;
        write!(formatter, "{:#}", self.body)
    }
}

/// An event in one or two lines.
struct Line<'a>(&'a Letter);

impl fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Letter { id, queue, sent, reason, event_id, event_type, subject, .. } = self.0;
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let sent = sent.map_or_else(|| "?".to_owned(), shown);
        write!(
            formatter,
            "{id}  {:<11}  {sent}  {} {} (event {})",
            queue.as_str(),
            known(event_type),
            known(subject),
            known(event_id)
        )?;
        if let Some(reason) = reason {
            write!(formatter, "\n    {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.events.is_empty() {
            return formatter.write_str("There are no dead letters.");
        }
        for letter in &self.events {
            writeln!(formatter, "{}", Line(letter))?;
        }
        write!(formatter, "Send them again with `dmm dead-letters resend --all`.")
    }
}

impl fmt::Display for Results {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.results.is_empty() {
            return formatter.write_str("There are no dead letters.");
        }
        for EventResult { id, queue, outcome, problem } in &self.results {
            let outcome = match outcome {
                Outcome::Resent => "sent again",
                Outcome::Dropped => "deleted",
                Outcome::Failed => "failed again",
            };
            write!(formatter, "{id}  {:<11}  {outcome}", queue.as_str())?;
            if let Some(problem) = problem {
                write!(formatter, ": {problem}")?;
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}
