//! What a port is for, read from its custom fields by other means than production code uses, and who owns it.

use dmm_access::ownership::{Ownership, Tags};

use crate::landscape::{ACCOUNT, Landscape, catalog_in_athena, glue};

/// A location in S3.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    /// Empty, or a prefix that ends with a slash.
    pub(crate) prefix: String,
}

/// What a port is for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) data: Vec<Location>,
    /// With the folder of the role.
    pub(crate) results: Vec<Location>,
    pub(crate) tables: Vec<(String, String)>,
    pub(crate) workgroups: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) result_keys: Vec<String>,
    pub(crate) catalog_keys: Vec<String>,
}

impl Location {
    fn read(arn: &str) -> Location {
        let resource = arn.split(":::").nth(1).unwrap();
        let (bucket, prefix) = resource.split_once('/').unwrap_or((resource, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Location { bucket: bucket.to_owned(), prefix }
    }

    pub(crate) fn contains(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.prefix)
    }
}

impl Expected {
    /// What the port of this landscape is for, if its access is given.
    pub(crate) fn of(landscape: &Landscape) -> Expected {
        let mut expected = Expected::default();
        let is_table = landscape.fields["output-port-type"] == "glue_table";
        for (name, arn) in &landscape.fields {
            let arn = arn.trim();
            if name == "output-port-type" || arn.is_empty() {
                continue;
            }
            let last = || arn.rsplit('/').next().unwrap().to_owned();
            match (arn.split(':').nth(2).unwrap(), name.as_str()) {
                ("s3", "aws-athena-results-arn") if is_table => {
                    let Location { bucket, prefix } = Location::read(arn);
                    let prefix = format!("{prefix}{}/", landscape.role.name);
                    expected.results.push(Location { bucket, prefix });
                }
                ("s3", _) => expected.data.push(Location::read(arn)),
                ("kms", "aws-athena-results-key-arn") if is_table => expected.result_keys.push(last()),
                ("kms", "aws-glue-catalog-key-arn") if is_table => expected.catalog_keys.push(last()),
                ("kms", _) => expected.keys.push(last()),
                ("athena", _) => expected.workgroups.push(last()),
                ("glue", _) if arn.contains(":table/") => {
                    let arn = arn.to_lowercase();
                    let (database, table) = arn.split_once(":table/").unwrap().1.split_once('/').unwrap();
                    expected.tables.push((database.to_owned(), table.to_owned()));
                }
                _ => {}
            }
        }
        expected
    }
}

impl Landscape {
    /// Whether a resource of a statement belongs to the provider. What every query reads belongs to nobody.
    pub(crate) fn is_owned(&self, resource: &str, expected: &Expected) -> bool {
        let is_shared = [glue("catalog"), glue("database/default"), catalog_in_athena()]
            .iter()
            .any(|one| one == resource);
        if is_shared {
            return !expected.tables.is_empty();
        }
        let carrier = match resource.split(':').nth(2) {
            Some("s3") => resource.split('/').next().unwrap().to_owned(),
            Some("glue") if resource.contains(":table/") => {
                let database = resource.split('/').nth(1).unwrap();
                glue(&format!("database/{database}"))
            }
            _ => resource.to_owned(),
        };
        self.resources.get(&carrier).is_some_and(|tags| self.is_tagged(tags))
            || self.is_mapped(resource, expected)
    }

    fn is_tagged(&self, tags: &Tags) -> bool {
        let team = self.provider.owner_team_id.as_ref();
        tags.get("dmm-data-product") == Some(&self.provider.id)
            || (team.is_some() && tags.get("dmm-team") == team)
    }

    /// Whether the operator says that it belongs to the provider. A bucket then counts if only a prefix in it does:
    /// conditions limit the statements about buckets to the prefixes.
    fn is_mapped(&self, resource: &str, expected: &Expected) -> bool {
        let owner = dmm_access::ownership::Owner::of_product(&self.provider);
        let proves = |arn: &str| self.settings.resource_owners.prove(&owner, arn).is_some();
        let in_bucket = |location: &&Location| resource == format!("arn:aws:s3:::{}", location.bucket);
        let mut locations = expected.data.iter().chain(&expected.results).filter(in_bucket);
        proves(resource)
            || locations
                .any(|location| proves(&format!("arn:aws:s3:::{}/{}", location.bucket, location.prefix)))
    }

    /// Whether access to resources of the stack's own account may be given.
    pub(crate) fn allows_own_account(&self) -> bool {
        let accounts = &self.settings.allowed_resource_accounts;
        accounts.is_empty() || accounts.iter().any(|account| account == "*" || account == ACCOUNT)
    }

    /// Whether a tag proves the ownership of this resource, and can be written into a policy.
    pub(crate) fn ends_with_tag(&self, arn: &str) -> bool {
        let owner = dmm_access::ownership::Owner::of_product(&self.provider);
        let is_mapped = self.settings.resource_owners.prove(&owner, arn).is_some();
        let can_be_written = |id: &String| id.chars().all(|one| one <= '\u{ff}' && !"#,${}".contains(one));
        let value = self.resources.get(arn).and_then(|tags| {
            let product = tags.get("dmm-data-product").filter(|id| **id == self.provider.id);
            product.or_else(|| {
                tags.get("dmm-team").filter(|id| Some(*id) == self.provider.owner_team_id.as_ref())
            })
        });
        let has_facts = self.facts.get(&arn.parse().unwrap()).is_some_and(|facts| facts.exists);
        self.settings.resource_ownership == Ownership::Require
            && has_facts
            && !is_mapped
            && value.is_some_and(can_be_written)
    }
}
