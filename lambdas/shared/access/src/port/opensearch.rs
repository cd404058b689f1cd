//! The kind `opensearch`: a domain of Amazon OpenSearch Service, single indexes of one, or a collection of OpenSearch
//! Serverless.
//!
//! - A domain is reached by HTTP, and IAM compares the method and the path ([access control of
//!   domains](https://docs.aws.amazon.com/opensearch-service/latest/developerguide/ac.html)). A search may be a `POST`, so `POST`
//!   is limited to the paths of searches. Paths that name indexes in the body of the request, such as `_msearch`, are given for
//!   whole domains only.
//! - For a collection, IAM knows a single right. The collection's data access policy says who may read and who may write
//!   ([data access](https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-data-access.html)), so a
//!   collection can be read only as far as its owner lists the role there.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::names;
use super::rule::Rule;
use super::spec::{AccessRole, Grantee, Service, Spec};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const GET: &[&str] = &["es:ESHttpGet", "es:ESHttpHead"];
const SEARCH: &[&str] = &["es:ESHttpPost"];
const WRITE: &[&str] = &["es:ESHttpDelete", "es:ESHttpPost", "es:ESHttpPut"];
const COLLECTION: &[&str] = &["aoss:APIAccessAll"];

/// What is read in an index, besides its description.
const READ_PATHS: [&str; 5] = ["/_count", "/_doc/*", "/_mapping", "/_search", "/_source/*"];
const SEARCH_PATHS: [&str; 2] = ["/_count", "/_search"];
/// Searches that name their indexes in the body.
const DOMAIN_SEARCH_PATHS: [&str; 2] = ["/_msearch", "/_search/scroll"];
const WRITE_PATHS: [&str; 4] = ["/_create/*", "/_doc", "/_doc/*", "/_update/*"];

pub(super) const SPEC: Spec = Spec {
    rules: &[&[
        Rule::new(GET, |text| is_below(text, &["", "/*"]) || is_below(text, &READ_PATHS)),
        Rule::new(SEARCH, |text| is_below(text, &SEARCH_PATHS) || is_below(text, &DOMAIN_SEARCH_PATHS)),
        Rule::new(WRITE, |text| is_below(text, &WRITE_PATHS)),
        Rule::new(COLLECTION, |text| names::is(text, is_collection)),
    ]],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[
        Service { name: "es", noun: |_| "OpenSearch domain", tagged: domain_of },
        Service::tagged_itself("aoss", |_| "OpenSearch Serverless collection"),
    ],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    domains: BTreeSet<Arn>,
    indexes: BTreeSet<Arn>,
    collections: BTreeSet<Arn>,
}

fn is_domain(arn: &Arn) -> bool {
    names::after(arn, "es", "domain/").is_some()
}

/// Whether it is `domain/name/index`. Names that begin with `_` are those of APIs, and a comma would name several indexes.
fn is_index(arn: &Arn) -> bool {
    let Some((domain, index)) = arn.resource().strip_prefix("domain/").and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let is_name = names::is_plain(index) && !index.starts_with('_') && !index.contains(',');
    arn.service() == "es" && arn.is_regional() && names::is_plain(domain) && is_name
}

fn is_collection(arn: &Arn) -> bool {
    names::after(arn, "aoss", "collection/").is_some()
}

fn domain_of(arn: &Arn) -> Option<Arn> {
    names::container(arn, "domain/")
}

/// Whether it is one of these paths of a domain, of all its indexes, or of one.
fn is_below(text: &str, paths: &[&str]) -> bool {
    paths.iter().filter_map(|path| text.strip_suffix(path)).any(|parent| {
        names::is(parent.strip_suffix("/*").unwrap_or(parent), |arn| is_domain(arn) || is_index(arn))
    })
}

fn joined(parents: &[String], paths: &[&str]) -> Vec<String> {
    parents.iter().flat_map(|parent| paths.iter().map(move |path| format!("{parent}{path}"))).collect()
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port::default();
        for field in &fields.arns {
            let arn = field.arn.clone();
            if is_domain(&arn) {
                port.domains.insert(arn);
            } else if is_index(&arn) {
                port.indexes.insert(arn);
            } else if is_collection(&arn) {
                port.collections.insert(arn);
            } else {
                return Err(field.unsupported(
                    "the ARN of an OpenSearch domain, which ends with :domain/name, of an index, which ends with \
                     :domain/name/index, or of a collection of OpenSearch Serverless, which ends with :collection/id (a port of \
                     the type `opensearch` accepts no others)",
                ));
            }
        }
        if port.domains.is_empty() && port.indexes.is_empty() && port.collections.is_empty() {
            return Err(fields.missing(
                "the ARN of an OpenSearch domain, of an index, or of a collection of OpenSearch Serverless",
            ));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let (domains, indexes) = (names::texts(&self.domains), names::texts(&self.indexes));
        let all_indexes = joined(&domains, &["/*"]);
        let each_index = [indexes.clone(), all_indexes.clone()].concat();
        let mut statements = Vec::new();
        if grantee.reads() {
            let get =
                [joined(&domains, &["", "/*"]), indexes.clone(), joined(&indexes, &READ_PATHS)].concat();
            let search = [
                joined(&each_index, &SEARCH_PATHS),
                joined(&domains, &SEARCH_PATHS),
                joined(&domains, &DOMAIN_SEARCH_PATHS),
                joined(&all_indexes, &DOMAIN_SEARCH_PATHS[..1]),
            ]
            .concat();
            statements.extend(Statement::allow_any("Get", GET, get));
            statements.extend(Statement::allow_any("Search", SEARCH, search));
        }
        if grantee.writes() {
            statements.extend(Statement::allow_any("Write", WRITE, joined(&each_index, &WRITE_PATHS)));
        }
        let collections = names::texts(&self.collections);
        statements.extend(Statement::allow_any("Collection", COLLECTION, collections));
        statements.into_iter().map(Statement::naming_accounts).collect()
    }
}
