//! What becomes of the body of an answer while it arrives.

use std::error::Error;
use std::ops::ControlFlow;

use dmm_mesh::array::{ArrayError, ArraySplitter, Piece};
use dmm_mesh::strict::InvalidJson;

use crate::error::ApiError;
use crate::transport::Call;

/// The largest document that is read, in bytes.
const LARGEST_DOCUMENT: usize = 32 * 1024 * 1024;
/// The largest list that is read, in bytes. Only a server that never ends an answer reaches it.
const LARGEST_LIST: usize = 1024 * 1024 * 1024;
/// The largest element of a list that is kept whole, in bytes: twice what a message of SQS can hold.
pub(crate) const LARGEST_ELEMENT: usize = 2 * 1024 * 1024;
/// How many bytes of a larger element are kept. The vendor writes its `id` among the first members.
const BEGINNING: usize = 64 * 1024;

/// Takes the body of an answer, chunk by chunk.
pub(crate) trait Body: Send {
    /// What the body is made into.
    type Content: Send;

    /// Takes the next chunk. A break means that nothing more is needed.
    fn add(&mut self, chunk: &[u8]) -> Result<ControlFlow<()>, BodyError>;

    /// The result, after the last chunk or a break.
    fn finish(self) -> Result<Self::Content, BodyError>;
}

/// The body is not as expected.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge {
        limit: usize,
    },
    /// It is not JSON at all.
    NotJson(Box<dyn Error + Send + Sync>),
    /// It is JSON, but not this.
    Unexpected(&'static str),
}

impl BodyError {
    /// The error of the call that was answered like this.
    pub(crate) fn of(self, call: &Call) -> ApiError {
        match self {
            BodyError::TooLarge { limit } => ApiError::TooLarge { path: call.path(), limit },
            BodyError::NotJson(source) => ApiError::NotJson { path: call.path(), source },
            BodyError::Unexpected(expected) => call.unexpected(expected),
        }
    }
}

impl From<InvalidJson> for BodyError {
    fn from(problem: InvalidJson) -> BodyError {
        BodyError::NotJson(problem.into())
    }
}

/// Keeps the whole body.
#[derive(Default)]
pub(crate) struct Whole(Vec<u8>);

impl Body for Whole {
    type Content = Vec<u8>;

    fn add(&mut self, chunk: &[u8]) -> Result<ControlFlow<()>, BodyError> {
        if self.0.len() + chunk.len() > LARGEST_DOCUMENT {
            return Err(BodyError::TooLarge { limit: LARGEST_DOCUMENT });
        }
        self.0.extend_from_slice(chunk);
        Ok(ControlFlow::Continue(()))
    }

    fn finish(self) -> Result<Vec<u8>, BodyError> {
        Ok(self.0)
    }
}

/// An element of a list.
pub(crate) struct Element {
    /// The whole element, or the beginning of one that is larger than [`LARGEST_ELEMENT`].
    pub(crate) bytes: Vec<u8>,
    /// The size of what was read of it.
    pub(crate) size: usize,
}

impl Element {
    fn new() -> Element {
        Element { bytes: Vec::new(), size: 0 }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.size <= LARGEST_ELEMENT
    }

    fn add(&mut self, bytes: &[u8]) {
        let was_whole = self.is_whole();
        self.size += bytes.len();
        if self.is_whole() {
            self.bytes.extend_from_slice(bytes);
        } else if was_whole {
            let room = BEGINNING.saturating_sub(self.bytes.len()).min(bytes.len());
            self.bytes.extend(bytes.iter().take(room));
            self.bytes.truncate(BEGINNING);
            self.bytes.shrink_to_fit();
        }
    }
}

/// What is done with the elements of a list.
pub(crate) trait Elements: Send {
    /// What the list is expected to be, for the error message if it is an object.
    const EXPECTED: &'static str;
    /// What the elements are made into.
    type Content: Send;

    /// Takes the next element. A break means that nothing more is needed.
    fn add(&mut self, element: Element) -> ControlFlow<()>;

    /// Takes the beginning of an element that is too large, before its end is read. A break means that nothing more is needed.
    fn begin_large(&mut self, _: &Element) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Whether what was taken so far is of use even if the rest of the list cannot be read.
    fn is_useful(&self) -> bool {
        false
    }

    /// The result.
    fn finish(self) -> Self::Content;
}

/// Hands over the elements of a list, one by one, and keeps nothing else.
pub(crate) struct List<E> {
    elements: E,
    splitter: ArraySplitter,
    element: Element,
    size: usize,
    /// Whether reading has stopped before the end of the list.
    is_stopped: bool,
}

impl<E: Elements> List<E> {
    pub(crate) fn new(elements: E) -> List<E> {
        List {
            elements,
            splitter: ArraySplitter::default(),
            element: Element::new(),
            size: 0,
            is_stopped: false,
        }
    }

    fn error(problem: ArrayError, chunk: &[u8]) -> BodyError {
        if problem == ArrayError::NotAnArray && chunk.trim_ascii_start().starts_with(b"{") {
            BodyError::Unexpected(E::EXPECTED)
        } else {
            BodyError::NotJson(problem.into())
        }
    }
}

impl<E: Elements> Body for List<E> {
    type Content = E::Content;

    fn add(&mut self, chunk: &[u8]) -> Result<ControlFlow<()>, BodyError> {
        self.size += chunk.len();
        if self.size > LARGEST_LIST {
            return Err(BodyError::TooLarge { limit: LARGEST_LIST });
        }
        let List { elements, splitter, element, .. } = self;
        let read = splitter.read(chunk, |piece| match piece {
            Piece::Bytes(bytes) => {
                let was_whole = element.is_whole();
                element.add(bytes);
                if was_whole && !element.is_whole() {
                    return elements.begin_large(element);
                }
                ControlFlow::Continue(())
            }
            Piece::End => elements.add(std::mem::replace(element, Element::new())),
        });
        let flow = match read {
            Ok(flow) => flow,
            // What comes before can be used. The next answer begins with the element that cannot be delimited.
            Err(_) if elements.is_useful() => ControlFlow::Break(()),
            Err(problem) => return Err(Self::error(problem, chunk)),
        };
        self.is_stopped = flow.is_break();
        Ok(flow)
    }

    fn finish(self) -> Result<E::Content, BodyError> {
        if !self.is_stopped {
            self.splitter.finish().map_err(|problem| Self::error(problem, b""))?;
        }
        Ok(self.elements.finish())
    }
}
