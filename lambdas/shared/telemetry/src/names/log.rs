//! Members of log lines.

super::names! { LOG_FIELDS, "All members of log lines. `span.` marks those that a line takes from the spans around it.";
    /// the function
    SERVICE = "service";
    /// when the line was written
    TIMESTAMP = "timestamp";
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`
    LEVEL = "level";
    /// where in the code the line was written
    TARGET = "target";
    /// what happened
    MESSAGE = "message";
    /// the trace in which the line was written
    TRACE_ID = "trace_id";
    /// the span in which the line was written
    SPAN_ID = "span_id";
    /// the trace in the form that the X-Ray console accepts
    XRAY_TRACE_ID = "xray_trace_id";
    /// the invocation
    SPAN_REQUEST_ID = "span.requestId";
    /// the event
    SPAN_EVENT_ID = "span.event_id";
    /// the agreement
    SPAN_AGREEMENT_ID = "span.agreement_id";

    /// an error with its causes
    ERROR = "error";
    /// whether the error can pass without anybody changing something
    RETRYABLE = "retryable";
    /// why something was not accepted
    REASON = "reason";
    /// the number of the attempt, from 1
    ATTEMPT = "attempt";
    /// an object's key in the state bucket
    KEY = "key";

    /// events that a run of feed read
    POLLED = "polled";
    /// events that the queue accepted in a run of feed
    QUEUED = "queued";
    /// events that a run of feed stored in quarantine
    QUARANTINED = "quarantined";
    /// pages with events that a run of feed read
    PAGES = "pages";
    /// the id at which the cursor of the feed is
    LAST_EVENT_ID = "last_event_id";
    /// events that were put aside during a pause and that a run of feed sent again
    RESENT = "resent";
    /// when the pause ends because of which a run stopped
    PAUSED_UNTIL = "paused_until";
    /// whether a run reached its end before the time ran out
    COMPLETE = "complete";

    /// the number of messages
    MESSAGES = "messages";
    /// SQS's id of a message
    MESSAGE_ID = "message_id";
    /// the group of a message
    GROUP = "group";
    /// events of a batch that the bus accepted
    PUBLISHED = "published";
    /// events of a batch that can never be published
    DEAD_LETTERED = "dead_lettered";
    /// what failed in a batch or a run, as a number
    FAILED = "failed";

    /// spans that were dropped because the queue of spans was full
    DROPPED = "dropped";
}
