//! `dmm evidence`: who could read what at a time, since when and why; and whether the evidence is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dmm_access::evidence::{Chain, Entry, Fault, Flaw};
use dmm_access::name::{evidence_prefix, record_key};
use dmm_access::record::Record;
use dmm_access::stack::Stack as StackName;
use dmm_mesh::{AgreementKind, AgreementRef};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::cli;
use crate::error::CliError;
use crate::grants::shown_consumer;
use crate::objects;
use crate::stack::Stack;
use crate::terminal::{Terminal, progress, shown};

mod access;
mod table;

use access::{Access, name, of_chain};
use table::Csv;

/// The chains of all agreements, and their grant records.
pub struct Evidence {
    chains: Vec<(Chain, Option<Record>)>,
    /// What belongs to no chain, and records that cannot be read.
    faults: Vec<Fault>,
}

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct At {
    /// The time.
    pub at: Timestamp,
    /// Who could read what.
    pub access: Vec<Access>,
    /// The faults that were found. With any, the list may be wrong.
    pub faults: Vec<Problem>,
}

/// What `--verify` prints.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// How many agreements have evidence.
    pub agreements: usize,
    /// How many entries there are.
    pub entries: usize,
    /// How many of them no record confirms yet, because a function was interrupted.
    pub unconfirmed: usize,
    /// What is wrong.
    pub faults: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// The object's key.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem { key: fault.key, problem: fault.flaw.to_string() }
    }
}

/// Runs the command. Returns false if something is wrong with the evidence.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be read.
pub async fn run(stack: &Stack, args: &cli::Evidence, terminal: &mut Terminal) -> Result<bool, CliError> {
    progress("reading the evidence");
    let evidence = Evidence::read(stack).await?;
    if args.verify {
        let verified = evidence.verified();
        terminal.print(&verified)?;
        return Ok(verified.faults.is_empty());
    }
    let at = evidence.at(args.at.unwrap_or_else(Timestamp::now), args);
    let is_sound = at.faults.is_empty();
    if args.csv {
        terminal.print(&Csv(&at.access))?;
        at.faults.iter().for_each(|fault| anstream::eprintln!("! {} {}", fault.key, fault.problem));
    } else {
        terminal.print(&at)?;
    }
    Ok(is_sound)
}

/// The ids of the traces in which something changed for this agreement, each in 32 hexadecimal digits.
///
/// # Errors
///
/// [`CliError`] if the bucket cannot be read.
pub async fn traces_of(stack: &Stack, agreement: &AgreementRef) -> Result<Vec<String>, CliError> {
    let objects = objects::all(stack, &evidence_prefix(agreement)).await?;
    let chain = Chain::new(agreement.clone(), &stack_name(stack)?, &objects);
    Ok(chain.entries().filter_map(|entry| entry.trace_id.clone()).collect())
}

fn stack_name(stack: &Stack) -> Result<StackName, CliError> {
    let prefix = stack.prefix();
    prefix.parse().map_err(|_| CliError::Incomplete { what: format!("{prefix} is not the name of a stack") })
}

impl Evidence {
    /// Reads all evidence and all grant records.
    ///
    /// # Errors
    ///
    /// [`CliError`] if the bucket cannot be read.
    pub async fn read(stack: &Stack) -> Result<Evidence, CliError> {
        let objects = objects::all(stack, "evidence/").await?;
        let records = objects::all(stack, "grants/").await?;
        Ok(Evidence::of(&stack_name(stack)?, objects, records))
    }

    fn of(
        stack: &StackName,
        objects: BTreeMap<String, Vec<u8>>,
        records: BTreeMap<String, Vec<u8>>,
    ) -> Evidence {
        let mut faults = Vec::new();
        let mut read = BTreeMap::new();
        for (key, body) in records {
            let record = Record::agreement_of(&key, &body, stack).ok().and_then(|agreement| {
                let record = Record::read(&key, &body, &agreement, stack).ok()?;
                record.rejected().is_empty().then_some((agreement, record))
            });
            match record {
                Some((agreement, record)) => drop(read.insert(agreement, record)),
                None => faults.push(Fault { key, flaw: Flaw::Foreign }),
            }
        }
        let mut folders: BTreeMap<AgreementRef, BTreeMap<String, Vec<u8>>> =
            read.keys().map(|agreement| (agreement.clone(), BTreeMap::new())).collect();
        let known: BTreeMap<String, AgreementRef> =
            read.keys().map(|agreement| (evidence_prefix(agreement), agreement.clone())).collect();
        for (key, body) in objects {
            let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
            let agreement = known.get(&format!("{folder}/")).cloned().or_else(|| named(&key, &body));
            match agreement {
                Some(agreement) => drop(folders.entry(agreement).or_default().insert(key, body)),
                None => faults.push(Fault { key, flaw: Flaw::Foreign }),
            }
        }
        let chain = |(agreement, objects): (AgreementRef, BTreeMap<String, Vec<u8>>)| {
            let record = read.remove(&agreement);
            (Chain::new(agreement, stack, &objects), record)
        };
        // A record that is damaged is a fault already.
        let damaged: BTreeSet<String> = faults.iter().map(|fault| fault.key.clone()).collect();
        let chains: Vec<_> = folders.into_iter().map(chain).collect();
        for (chain, record) in &chains {
            let is_new =
                |fault: &Fault| !(damaged.contains(&fault.key) && fault.key == record_key(chain.agreement()));
            faults.extend(chain.faults(record.as_ref()).into_iter().filter(is_new));
        }
        Evidence { chains, faults }
    }

    /// The id of the trace of the last entry that this event caused, or else of the last one about this agreement.
    #[must_use]
    pub fn trace_of(&self, event: &str, agreement: &str) -> Option<String> {
        let entries = || self.chains.iter().flat_map(|(chain, _)| chain.entries());
        let by_event = entries().filter(|entry| entry.cause.id == event);
        let by_agreement = entries().filter(|entry| name(entry) == agreement);
        let last = |found: Vec<&Entry>| {
            found.into_iter().max_by_key(|entry| entry.time).and_then(|entry| entry.trace_id.clone())
        };
        last(by_event.collect()).or_else(|| last(by_agreement.collect()))
    }

    fn verified(self) -> Verified {
        let with_entries = |(chain, _): &&(Chain, Option<Record>)| chain.entries().next().is_some();
        let unconfirmed =
            |(chain, record): &(Chain, Option<Record>)| chain.unconfirmed(record.as_ref()).count();
        Verified {
            agreements: self.chains.iter().filter(with_entries).count(),
            entries: self.chains.iter().map(|(chain, _)| chain.entries().count()).sum(),
            unconfirmed: self.chains.iter().map(unconfirmed).sum(),
            faults: self.faults.into_iter().map(Problem::from).collect(),
        }
    }

    fn at(self, at: Timestamp, filter: &cli::Evidence) -> At {
        let mut access: Vec<Access> = self.chains.iter().flat_map(|(chain, _)| of_chain(chain, at)).collect();
        access.retain(|access| {
            filter.product.as_ref().is_none_or(|product| access.product.as_ref() == Some(product))
                && filter.role.as_ref().is_none_or(|role| access.role == *role)
        });
        access.sort_by(|one, other| (&one.role, &one.agreement).cmp(&(&other.role, &other.agreement)));
        At { at, access, faults: self.faults.into_iter().map(Problem::from).collect() }
    }
}

/// The agreement that an entry without a record is about, if its key agrees.
fn named(key: &str, body: &[u8]) -> Option<AgreementRef> {
    let entry: Value = serde_json::from_slice(body).ok()?;
    let member = |name: &str| entry.get("agreement")?.get(name)?.as_str();
    let agreement =
        AgreementRef { kind: AgreementKind::named(member("kind")?)?, id: member("id")?.to_owned() };
    key.starts_with(&evidence_prefix(&agreement)).then_some(agreement)
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.access.is_empty() {
            writeln!(formatter, "At {}, nobody had access through this stack.", shown(self.at))?;
        }
        for access in &self.access {
            let Access { role, product, port, consumer, since, until, agreement, cause, cause_id, .. } =
                access;
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
            write!(formatter, "{role}  reads {}/{}  since {}", text(product), text(port), shown(*since))?;
            if let Some(until) = until {
                write!(formatter, "  until {}", shown(*until))?;
            }
            writeln!(formatter, "  {agreement}  {}", shown_consumer(consumer.as_ref()))?;
            writeln!(formatter, "  because of {cause} {cause_id}: {}", access.entry)?;
            for resource in &access.resources {
                writeln!(formatter, "  {resource}")?;
            }
        }
        if !self.access.is_empty() {
            writeln!(
                formatter,
                "Data Mesh Manager shows who approved each agreement; its API does not say."
            )?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(formatter, "! {} {}", fault.key, fault.problem))
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified { agreements, entries, unconfirmed, faults } = self;
        writeln!(formatter, "{entries} entries of {agreements} agreements, {} faults.", faults.len())?;
        if *unconfirmed > 0 {
            writeln!(
                formatter,
                "{unconfirmed} entries are not confirmed by a record yet; the next run continues."
            )?;
        }
        faults.iter().try_for_each(|fault| writeln!(formatter, "! {} {}", fault.key, fault.problem))
    }
}
