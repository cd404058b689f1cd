//! `dmm revoke`: takes back everything of a consumer, a data product or a role, until further notice.

use std::fmt;

use dmm_access::blocks::{Block, Blocks, Subject};
use dmm_state::controls::BLOCKS;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::cli;
use crate::error::CliError;
use crate::objects;
use crate::pause;
use crate::plan::{Applied, pass};
use crate::stack::Stack;
use crate::terminal::{Terminal, confirm, shown};

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Revoked {
    /// What is blocked now.
    pub blocks: Vec<Block>,
    /// What was changed in IAM.
    #[serde(flatten)]
    applied: Applied,
}

/// The blocks that are in force.
///
/// # Errors
///
/// [`CliError`].
pub async fn blocks(stack: &Stack) -> Result<Vec<Block>, CliError> {
    Ok(objects::read::<Blocks>(stack, BLOCKS).await?.map(|(blocks, _)| blocks.blocks).unwrap_or_default())
}

/// Runs the command: writes down what is blocked, and then lets the functions compare everything.
///
/// # Errors
///
/// [`CliError`]. If the block is written and the comparison fails, the command can be repeated, and the next comparison by
/// schedule has the same effect.
pub async fn run(stack: &Stack, args: &cli::Revoke, terminal: &mut Terminal) -> Result<bool, CliError> {
    let subject = args.subject.read()?;
    if let Some(pause) = pause::active(stack).await? {
        return Err(CliError::Paused { until: shown(pause.until) });
    }
    let found = objects::read::<Blocks>(stack, BLOCKS).await?;
    let (mut blocks, etag) =
        found.map_or_else(|| (Blocks::default(), None), |(blocks, etag)| (blocks, Some(etag)));
    let is_blocked = blocks.blocks.iter().any(|block| block.subject == subject);
    if args.lift {
        if !is_blocked {
            return Err(CliError::NotBlocked { subject: name(&subject) });
        }
        confirm(&format!("Give {} again what its agreements say?", name(&subject)), args.yes)?;
        blocks.blocks.retain(|block| block.subject != subject);
    } else {
        let question =
            format!("Take back all access of {}, and give it none until this is lifted?", name(&subject));
        confirm(&question, args.yes)?;
        if !is_blocked {
            let reason = args.reason.clone().unwrap_or_default();
            blocks.blocks.push(Block { subject, since: Timestamp::now(), reason });
        }
    }
    objects::replace(stack, BLOCKS, serde_json::to_vec(&blocks)?, etag).await?;
    // From the beginning: the last pass may have stopped behind these agreements.
    let start = json!({ "from": { "stage": "agreements", "kind": "access", "page": 0 } });
    let applied = Applied { report: pass(stack, start).await? };
    let is_done = applied.report.is_done();
    terminal.print(&Revoked { blocks: blocks.blocks, applied })?;
    Ok(is_done)
}

/// What a block concerns, for people.
#[must_use]
pub fn name(subject: &Subject) -> String {
    match subject {
        Subject::Consumer(id) => format!("the consumer {id}"),
        Subject::Product(id) => format!("the data product {id}"),
        Subject::Role(name) => format!("the role {name}"),
    }
}

impl fmt::Display for Revoked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.applied)?;
        match self.blocks.as_slice() {
            [] => writeln!(formatter, "Nothing is blocked now."),
            blocks => {
                let names: Vec<_> = blocks.iter().map(|block| name(&block.subject)).collect();
                writeln!(formatter, "Blocked until `dmm revoke --lift`: {}.", names.join(", "))
            }
        }
    }
}
