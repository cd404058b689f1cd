//! `dmm evidence`: who could read what at a time, since when and why; and whether the evidence is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use dmm_access::evidence::{Chain, Entry, Fault, Flaw, Leftover};
use dmm_access::name::{LEFTOVERS, evidence_prefix, record_key};
use dmm_access::record::Record;
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
mod copy;
mod table;

use access::{Access, name, of_chain};
pub use copy::{Exported, Keeping, Stored};
use table::Csv;

/// The chains of all agreements, and their grant records.
pub struct Evidence {
    chains: Vec<(Chain, Option<Record>)>,
    /// What was deleted at the end of an uninstallation although no record knew it.
    leftovers: Vec<Leftover>,
    /// What belongs to no chain, and records that cannot be read.
    strays: Vec<Fault>,
    /// Entries from before this time may have been deleted because of their age.
    kept_since: Timestamp,
}

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct At {
    /// The time.
    pub at: Timestamp,
    /// Entries from before this time may have been deleted because of their age.
    pub kept_since: Timestamp,
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
    /// What was deleted at the end of an uninstallation although no record knew it.
    pub leftovers: Vec<Leftover>,
    /// Entries from before this time may have been deleted because of their age.
    pub kept_since: Timestamp,
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

/// Runs the command with the evidence of a stack. Returns false if something is wrong with the evidence.
///
/// # Errors
///
/// [`CliError`] if the bucket or the configuration of the functions cannot be read, or a copy cannot be written.
pub async fn run(stack: &Stack, args: &cli::Evidence, terminal: &mut Terminal) -> Result<bool, CliError> {
    progress("reading the evidence");
    let Keeping { retention, .. } = Keeping::of(stack).await?;
    let stored = Stored::read(stack).await?.kept_for(retention);
    match &args.export {
        Some(folder) => {
            terminal.print(&stored.copy_to(folder)?)?;
            Ok(true)
        }
        None => show(&Evidence::of(stored), args, terminal),
    }
}

/// Runs the command with a copy.
///
/// # Errors
///
/// [`CliError`] if the copy cannot be read.
pub fn run_with_copy(folder: &Path, args: &cli::Evidence, terminal: &mut Terminal) -> Result<bool, CliError> {
    show(&Evidence::of(Stored::copied(folder)?), args, terminal)
}

fn show(evidence: &Evidence, args: &cli::Evidence, terminal: &mut Terminal) -> Result<bool, CliError> {
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
    let chain = Chain::new(agreement.clone(), &copy::stack_name(stack)?, &objects);
    Ok(chain.entries().filter_map(|entry| entry.trace_id.clone()).collect())
}

impl Evidence {
    /// Reads all evidence and all grant records of a stack.
    ///
    /// # Errors
    ///
    /// [`CliError`] if the bucket cannot be read.
    pub async fn read(stack: &Stack) -> Result<Evidence, CliError> {
        Ok(Evidence::of(Stored::read(stack).await?))
    }

    /// The evidence in these objects.
    #[must_use]
    pub fn of(stored: Stored) -> Evidence {
        let Stored { stack, kept_since, entries, records } = stored;
        let stack = &stack;
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
        let mut leftovers = Vec::new();
        for (key, body) in entries {
            if key.starts_with(LEFTOVERS) {
                match Leftover::read(&key, &body, stack) {
                    Some(leftover) => leftovers.push(leftover),
                    None => faults.push(Fault { key, flaw: Flaw::Foreign }),
                }
                continue;
            }
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
        let chains = folders.into_iter().map(chain).collect();
        Evidence { chains, leftovers, strays: faults, kept_since }
    }

    /// Everything that is wrong.
    fn faults(&self) -> Vec<Problem> {
        // A record that is damaged is a fault already.
        let damaged: BTreeSet<&str> = self.strays.iter().map(|fault| fault.key.as_str()).collect();
        let of_chain = |(chain, record): &(Chain, Option<Record>)| {
            let is_new = |fault: &Fault| {
                !(damaged.contains(fault.key.as_str()) && fault.key == record_key(chain.agreement()))
            };
            let faults = chain.faults(record.as_ref(), self.kept_since).into_iter();
            faults.filter(is_new).collect::<Vec<_>>()
        };
        let of_chains = self.chains.iter().flat_map(of_chain);
        self.strays.iter().cloned().chain(of_chains).map(Problem::from).collect()
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

    fn verified(&self) -> Verified {
        let with_entries = |(chain, _): &&(Chain, Option<Record>)| chain.entries().next().is_some();
        let unconfirmed =
            |(chain, record): &(Chain, Option<Record>)| chain.unconfirmed(record.as_ref()).count();
        Verified {
            agreements: self.chains.iter().filter(with_entries).count(),
            entries: self.chains.iter().map(|(chain, _)| chain.entries().count()).sum(),
            unconfirmed: self.chains.iter().map(unconfirmed).sum(),
            leftovers: self.leftovers.clone(),
            kept_since: self.kept_since,
            faults: self.faults(),
        }
    }

    fn at(&self, at: Timestamp, filter: &cli::Evidence) -> At {
        let mut access: Vec<Access> = self.chains.iter().flat_map(|(chain, _)| of_chain(chain, at)).collect();
        access.retain(|access| {
            filter.product.as_ref().is_none_or(|product| access.product.as_ref() == Some(product))
                && filter.role.as_ref().is_none_or(|role| access.role == *role)
        });
        access.sort_by(|one, other| (&one.role, &one.agreement).cmp(&(&other.role, &other.agreement)));
        At { at, kept_since: self.kept_since, access, faults: self.faults() }
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
        if self.at < self.kept_since {
            writeln!(
                formatter,
                "Entries from before {} may have been deleted because of their age, so access that ended before may be missing \
                 here.",
                shown(self.kept_since)
            )?;
        }
        self.faults.iter().try_for_each(|fault| writeln!(formatter, "! {} {}", fault.key, fault.problem))
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verified { agreements, entries, unconfirmed, leftovers, faults, .. } = self;
        writeln!(formatter, "{entries} entries of {agreements} agreements, {} faults.", faults.len())?;
        if *unconfirmed > 0 {
            writeln!(
                formatter,
                "{unconfirmed} entries are not confirmed by a record yet; the next run continues."
            )?;
        }
        for Leftover { role, policies, time, .. } in leftovers {
            let (time, policies) = (shown(*time), policies.join(", "));
            writeln!(formatter, "Deleted without a record at {time}: {policies} of the role {role}.")?;
        }
        faults.iter().try_for_each(|fault| writeln!(formatter, "! {} {}", fault.key, fault.problem))
    }
}

#[cfg(test)]
mod tests {
    use dmm_access::record::Cause;

    use super::*;

    #[test]
    fn what_was_deleted_without_a_record_is_shown_and_an_altered_object_about_it_is_found() {
        let stack: dmm_access::stack::Stack = "dmm-test".parse().unwrap();
        let role = "consumer".parse().unwrap();
        let policies = vec!["DMM_Access_lost".to_owned()];
        let leftover = Leftover::new(
            &stack,
            &role,
            policies,
            &Cause::default(),
            "2026-11-01T00:00:00Z".parse().unwrap(),
        );
        let (key, body) = leftover.to_object().unwrap();
        let verified = |body: Vec<u8>| {
            let entries = [(key.clone(), body)].into();
            let (stack, records) = (stack.clone(), BTreeMap::new());
            Evidence::of(Stored { stack, kept_since: Timestamp::MIN, entries, records }).verified()
        };
        let text = verified(body.clone()).to_string();
        assert!(text.contains("0 faults."), "{text}");
        assert!(
            text.contains(
                "Deleted without a record at 2026-11-01 00:00:00Z: DMM_Access_lost of the role consumer."
            ),
            "{text}"
        );
        let altered = String::from_utf8(body).unwrap().replace("lost", "kept");
        assert_eq!(verified(altered.into_bytes()).faults[0].key, key);
    }
}
