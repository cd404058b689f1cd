//! `dmm explain`: why an agreement gives access or not, and what to change.

use std::fmt;

use dmm_access::record::Receiver;
use dmm_mesh::AgreementRef;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cli::{Agreement, Explain};
use crate::error::CliError;
use crate::functions::invoke;
use crate::grants::{Grant, Known, Records, Refused, shown_consumer};
use crate::selection::nearest;
use crate::stack::Stack;
use crate::terminal::{Terminal, progress, shown};

/// What the command prints.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The agreements; none if no agreement between the two has ever reached the stack.
    pub agreements: Vec<OfAgreement>,
    /// The consumer and the data product that no agreement is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unheard: Option<Unheard>,
}

/// A consumer and a data product without any record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unheard {
    /// The consumer.
    pub consumer: String,
    /// The data product.
    pub product: String,
}

/// Everything that is known about an agreement.
#[derive(Debug, Serialize)]
pub struct OfAgreement {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// The accesses that exist now, according to the record.
    pub granted: Vec<Grant>,
    /// Why the agreement gave nothing when it was last looked at.
    pub refused: Option<Refused>,
    /// What would be decided now, as iam-grant explains it; `None` if that is not known.
    pub explanation: Option<Value>,
    /// The same for people.
    #[serde(skip)]
    text: Option<String>,
    /// The mode of the functions.
    pub mode: Option<String>,
    /// Why there is no explanation.
    pub problem: Option<String>,
}

/// What `iam-grant` answers.
#[derive(Deserialize)]
struct Answer {
    explanation: Option<Value>,
    text: Option<String>,
    mode: String,
}

/// Runs the command. The records say what exists. `iam-grant` says what would be decided now; if Data Mesh Manager does not
/// answer it, the records alone are shown.
///
/// # Errors
///
/// [`CliError::Unknown`] if nothing is known about the agreement, or if the consumer or the data product seems to be mistyped.
pub async fn run(stack: &Stack, args: &Explain, terminal: &mut Terminal) -> Result<bool, CliError> {
    let records = Records::read(stack).await?;
    let agreements = subjects(&records, args)?;
    let unheard = args.product.clone().filter(|_| agreements.is_empty());
    let unheard = unheard.map(|product| Unheard { consumer: args.subject.clone(), product });
    let mut explained = Explained { agreements: Vec::new(), unheard };
    for agreement in agreements {
        explained.agreements.push(one(stack, &records, &agreement).await?);
    }
    terminal.print(&explained)?;
    Ok(explained.agreements.iter().any(|one| !one.granted.is_empty()))
}

/// The agreements that a person means; none if no record is about this consumer and this data product.
///
/// Data Mesh Manager is not asked, because its lists name agreements without saying what they are about: each agreement would
/// have to be read.
fn subjects(records: &Records, args: &Explain) -> Result<Vec<AgreementRef>, CliError> {
    let Some(product) = &args.product else {
        return Ok(vec![agreement(records, &args.subject)]);
    };
    let consumer = &args.subject;
    let about = |known: &&Known| known.product.as_ref() == Some(product);
    if !records.known.iter().any(|known| about(&known)) {
        let products = records.known.iter().filter_map(|known| known.product.as_deref());
        return mistyped("data product", product, products);
    }
    let is_meant = |known: &&Known| known.consumer.as_ref().is_some_and(|named| names(named, consumer));
    let found: Vec<AgreementRef> = records
        .known
        .iter()
        .filter(about)
        .filter(is_meant)
        .filter_map(|known| parsed(&known.agreement))
        .collect();
    if found.is_empty() {
        let consumers = records.known.iter().filter(about).filter_map(|known| known.consumer.as_ref());
        let ids = consumers.flat_map(|named| named.data_product.iter().chain(&named.team));
        return mistyped("consumer of that data product with the id", consumer, ids.map(String::as_str));
    }
    Ok(found)
}

/// An error if a known id is almost the same; otherwise no agreement is meant.
fn mistyped<'a>(
    what: &'static str,
    id: &str,
    known: impl Iterator<Item = &'a str>,
) -> Result<Vec<AgreementRef>, CliError> {
    match nearest(id, known) {
        None => Ok(Vec::new()),
        nearest => Err(CliError::Unknown { what, id: id.to_owned(), nearest, remedy: NOT_YET }),
    }
}

/// What to do if an agreement has left no trace in AWS.
const NOT_YET: &str = ". An agreement is known once it was approved and its event was processed: look at it in Data Mesh Manager, \
                       and run `dmm status`";

fn names(consumer: &Receiver, id: &str) -> bool {
    [&consumer.data_product, &consumer.team].into_iter().any(|named| named.as_deref() == Some(id))
}

/// The agreement with this id. If the id is given without a kind, the records may know another one than access.
pub(crate) fn agreement(records: &Records, text: &str) -> AgreementRef {
    let given = text.parse::<Agreement>().map_or_else(
        |_| AgreementRef { kind: dmm_mesh::AgreementKind::Access, id: text.to_owned() },
        |Agreement(given)| given,
    );
    let known: Vec<AgreementRef> =
        records.known.iter().filter_map(|known| parsed(&known.agreement)).collect();
    if known.contains(&given) {
        return given;
    }
    known.into_iter().rev().find(|known| known.id == text).unwrap_or(given)
}

/// An agreement from `kind id`.
fn parsed(text: &str) -> Option<AgreementRef> {
    text.parse::<Agreement>().ok().map(|Agreement(agreement)| agreement)
}

/// The error that nothing is known about an agreement.
pub(crate) fn unknown(records: &Records, agreement: &AgreementRef) -> CliError {
    let ids = records.known.iter().filter_map(|known| known.agreement.split_once(' ')).map(|(_, id)| id);
    CliError::Unknown {
        what: "agreement",
        id: agreement.id.clone(),
        nearest: nearest(&agreement.id, ids),
        remedy: ", and Data Mesh Manager has no agreement with this id",
    }
}

async fn one(stack: &Stack, records: &Records, agreement: &AgreementRef) -> Result<OfAgreement, CliError> {
    let name = agreement.to_string();
    progress(format_args!("asking about {name}"));
    let payload = json!({ "explain": name });
    let asked: Result<Answer, CliError> = invoke(stack, &stack.names.iam_grant_function, &payload).await;
    let is_known = records.known.iter().any(|known| known.agreement == name);
    let (answer, problem) = match asked {
        Ok(answer) => (Some(answer), None),
        // Data Mesh Manager does not answer. The records do.
        Err(error @ CliError::Function { .. }) if is_known => (None, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    if !is_known && answer.as_ref().is_some_and(|answer| answer.explanation.is_none()) {
        return Err(unknown(records, agreement));
    }
    let (explanation, text, mode) =
        answer.map_or((None, None, None), |answer| (answer.explanation, answer.text, Some(answer.mode)));
    Ok(OfAgreement {
        granted: records.grants.iter().filter(|grant| grant.agreement == name).cloned().collect(),
        refused: records.refused.iter().find(|refused| refused.agreement == name).cloned(),
        agreement: name,
        explanation,
        text,
        mode,
        problem,
    })
}

impl fmt::Display for Explained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Unheard { consumer, product }) = &self.unheard {
            writeln!(
                formatter,
                "{consumer} has no access to {product}: no agreement between them has ever reached this stack, which happens once \
                 an agreement is approved. Look for it in Data Mesh Manager; if it is approved there, `dmm status` shows where \
                 its event waits, and `dmm look AGREEMENT` with its id grants the access."
            )?;
        }
        for (index, one) in self.agreements.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            one.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for OfAgreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Grant { role, since, first_granted_at, policy, .. } in &self.granted {
            write!(formatter, "{}: the role {role} has access since {}", self.agreement, shown(*since))?;
            match first_granted_at {
                Some(first) if first < since => writeln!(formatter, " (first {}) ({policy})", shown(*first))?,
                _ => writeln!(formatter, " ({policy})")?,
            }
        }
        if self.granted.is_empty() {
            writeln!(formatter, "{}: nobody has access", self.agreement)?;
        }
        if let Some(Refused { code, since, consumer, product, .. }) = &self.refused {
            write!(formatter, "Refused since {}: {code}", shown(*since))?;
            let consumer = shown_consumer(consumer.as_ref());
            match product {
                Some(product) if !consumer.is_empty() => {
                    writeln!(formatter, " ({consumer} reads {product})")?;
                }
                _ => writeln!(formatter)?,
            }
        }
        match (&self.text, &self.problem) {
            (Some(text), _) => writeln!(formatter, "\nAs it is now:\n{}", text.trim_end())?,
            (None, Some(problem)) => {
                writeln!(formatter, "What would be decided now is not known: {problem}")?;
            }
            (None, None) => writeln!(formatter, "Data Mesh Manager has no such agreement (any more).")?,
        }
        match self.mode.as_deref() {
            Some("observe") => writeln!(formatter, "\nThe mode is observe: nothing is changed in IAM."),
            Some("uninstall") => {
                writeln!(
                    formatter,
                    "\nThe mode is uninstall: no agreement gets access, and all access is revoked."
                )
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Records {
        let known = |agreement: &str, product: &str, team: &str| Known {
            agreement: agreement.to_owned(),
            product: Some(product.to_owned()),
            consumer: Some(Receiver { data_product: None, team: Some(team.to_owned()) }),
            traceparent: None,
        };
        let known = vec![
            known("access a-1", "orders", "marketing"),
            known("datausageagreement d-1", "orders", "planning"),
            known("access a-2", "stock", "marketing"),
        ];
        Records { known, ..Records::default() }
    }

    fn meant(subject: &str, product: Option<&str>) -> Result<Vec<String>, String> {
        let args = Explain { subject: subject.to_owned(), product: product.map(str::to_owned) };
        let found = subjects(&records(), &args).map_err(|error| error.to_string())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_agreement_is_meant_by_its_id_or_by_its_consumer_and_data_product() {
        assert_eq!(meant("a-1", None), Ok(vec!["access a-1".to_owned()]));
        assert_eq!(meant("d-1", None), Ok(vec!["datausageagreement d-1".to_owned()]));
        assert_eq!(meant("new", None), Ok(vec!["access new".to_owned()]));
        assert_eq!(meant("marketing", Some("orders")), Ok(vec!["access a-1".to_owned()]));
    }

    #[test]
    fn a_consumer_or_a_data_product_that_is_not_known_is_an_error_with_the_nearest_id() {
        assert!(meant("marketing", Some("ordres")).unwrap_err().contains("did you mean orders?"));
        assert!(meant("marketting", Some("orders")).unwrap_err().contains("did you mean marketing?"));
        assert_eq!(meant("finance", Some("orders")), Ok(Vec::new()), "no id is similar");
        assert_eq!(meant("marketing", Some("weather")), Ok(Vec::new()));
        let error = unknown(&records(), &"a-11".parse::<Agreement>().unwrap().0).to_string();
        assert!(error.contains("no agreement a-11") && error.contains("did you mean a-1?"), "{error}");
    }
}
