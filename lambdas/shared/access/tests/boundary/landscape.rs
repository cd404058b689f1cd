//! Random landscapes: data products, teams, roles, resources, tags and configuration, most of them sound and some of them
//! hostile.
//!
//! A landscape is decoded from bytes. The byte 0 always stands for the sound choice, so a failing landscape shrinks to
//! one with few oddities.

use std::collections::BTreeMap;

use dmm_access::arn::Arn;
use dmm_access::guardrails::GuardrailSettings;
use dmm_access::ownership::{Ownership, ResourceFacts, Tags};
use dmm_access::role::{Role, RoleName};
use dmm_access::testing;
use dmm_mesh::{Agreement, AgreementKind, AgreementRef, DataProduct, Team};
use serde_json::{Value, json};

/// The stack's own account.
pub(crate) const ACCOUNT: &str = "123456789012";
/// Another account.
const OTHER_ACCOUNT: &str = "210987654321";
/// All buckets.
pub(crate) const BUCKETS: [&str; 5] =
    ["orders-data", "shared-data", "query-results", "dmm-state", "sales-secrets"];
/// All databases, in lower case.
pub(crate) const DATABASES: [&str; 3] = ["orders", "secrets", "default"];
/// The tables of each database.
pub(crate) const TABLES: [&str; 2] = ["daily", "hourly"];
/// All workgroups.
pub(crate) const WORKGROUPS: [&str; 2] = ["analysts", "primary"];
/// All keys.
pub(crate) const KEYS: [&str; 5] = ["data", "results", "catalog", "own", "secret"];

const PREFIXES: [&str; 4] = ["", "/daily", "/daily/eu/", "/analysts"];
const HOSTILE_PREFIXES: [&str; 10] =
    ["//", "/daily//eu", "/*", "/dail?", "/${aws:username}", "/file.csv", "/da", "/packs", "/ä", "/a b"];
const FIELDS: [&str; 8] = [
    "aws-s3-folder-arn",
    "aws-athena-results-arn",
    "aws-result-arn",
    "aws-exam-results-arn",
    "aws-kms-key-arn",
    "aws-athena-results-key-arn",
    "aws-glue-catalog-key-arn",
    "aws-other-arn",
];

/// Choices made from bytes; the sound ones once the bytes are used up.
pub(crate) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    pub(crate) fn new(bytes: &[u8]) -> Choices<'_> {
        Choices(bytes.iter())
    }

    fn byte(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// True in one of sixteen cases.
    fn rarely(&mut self) -> bool {
        self.byte() >= 240
    }

    fn often(&mut self) -> bool {
        self.byte() >= 128
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::from(self.byte()) % items.len()]
    }

    fn pick_or<T: Copy>(&mut self, sound: T, odd: &[T]) -> T {
        if self.rarely() { self.pick(odd) } else { sound }
    }
}

/// A landscape.
#[derive(Clone, Debug)]
pub(crate) struct Landscape {
    pub(crate) settings: GuardrailSettings,
    /// What exists in AWS, by the ARN of what carries the tags.
    pub(crate) resources: BTreeMap<String, Tags>,
    /// What AWS answers. This may lack something.
    pub(crate) facts: BTreeMap<Arn, ResourceFacts>,
    /// The custom fields of the port.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) provider: DataProduct,
    pub(crate) agreement: Agreement,
    pub(crate) asked: AgreementRef,
    pub(crate) consumer: Option<DataProduct>,
    pub(crate) team: Option<Team>,
    pub(crate) role: Role,
    pub(crate) role_ids: BTreeMap<RoleName, String>,
}

/// The ARN of a bucket.
pub(crate) fn bucket(name: &str) -> String {
    format!("arn:aws:s3:::{name}")
}

/// The ARN of something in Glue.
pub(crate) fn glue(resource: &str) -> String {
    format!("arn:aws:glue:eu-central-1:{ACCOUNT}:{resource}")
}

/// The ARN of the Glue Data Catalog in Athena.
pub(crate) fn catalog_in_athena() -> String {
    format!("arn:aws:athena:eu-central-1:{ACCOUNT}:datacatalog/AwsDataCatalog")
}

/// The ARN of a workgroup.
pub(crate) fn workgroup(name: &str) -> String {
    format!("arn:aws:athena:eu-central-1:{ACCOUNT}:workgroup/{name}")
}

/// The ARN of a key.
pub(crate) fn key(id: &str) -> String {
    format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/{id}")
}

impl Landscape {
    /// The landscape that these bytes stand for.
    pub(crate) fn decode(bytes: &[u8]) -> Landscape {
        let mut choices = Choices::new(bytes);
        let choices = &mut choices;
        let product =
            choices.pick_or("orders", &["urn:acme:product:orders", "注文", "weird#id", "${aws:username}"]);
        let team = choices.pick_or(Some("sales"), &[None, Some("注文"), Some("a,b")]);
        let fields = fields(choices);
        let resources = resources(choices, product, team.unwrap_or("sales"));
        let facts = facts(choices, &resources);
        let (consumer, consumer_document, team_document) = consumer(choices);
        let role = role(choices);
        let kind = AgreementKind::Access;
        let asked = AgreementRef {
            kind: choices.pick_or(kind, &[AgreementKind::DataContract, AgreementKind::DataUsageAgreement]),
            id: "a1".to_owned(),
        };
        let agreement = agreement(choices, product, &consumer);
        let info = team.map_or_else(|| json!({}), |team| json!({ "owner": team }));
        let provider =
            json!({ "id": product, "info": info, "outputPorts": [{ "id": "daily", "custom": fields }] });
        Landscape {
            settings: settings(choices, product),
            resources,
            facts,
            fields,
            provider: DataProduct::from_value(&provider).unwrap(),
            agreement: Agreement::from_value(AgreementRef { kind, id: "a1".to_owned() }, agreement).unwrap(),
            asked,
            consumer: DataProduct::from_value(&consumer_document),
            team: Team::from_value(&team_document),
            role_ids: role_ids(choices, &role),
            role,
        }
    }
}

fn location(choices: &mut Choices<'_>, sound: &'static str) -> String {
    let name = choices.pick_or(sound, &BUCKETS);
    let prefix = choices.pick(&PREFIXES);
    format!("{}{}", bucket(name), choices.pick_or(prefix, &HOSTILE_PREFIXES))
}

fn table(choices: &mut Choices<'_>) -> String {
    let database = choices.pick_or("orders", &["secrets", "default", "Orders", "*", ""]);
    let table = choices.pick_or("daily", &["hourly", "DAILY", "a/b", "*"]);
    glue(&format!("table/{database}/{table}"))
}

/// An ARN as somebody may have mistyped it.
fn distorted(choices: &mut Choices<'_>, arn: String) -> String {
    match choices.pick_or(0_u8, &[1, 2, 3, 4, 5]) {
        1 => arn.replace(ACCOUNT, OTHER_ACCOUNT),
        2 => arn.replace("arn:aws:", "arn:aws-cn:"),
        3 => format!(" {arn} "),
        4 => String::new(),
        5 => format!("{arn}*"),
        _ => arn,
    }
}

fn fields(choices: &mut Choices<'_>) -> BTreeMap<String, String> {
    let is_table = choices.often();
    let kind = if is_table { "glue_table" } else { "s3_bucket" };
    let mut fields =
        vec![("output-port-type", choices.pick_or(kind, &["", "kafka", "S3_BUCKET"]).to_owned())];
    let data = location(choices, "orders-data");
    fields.push(("aws-data-arn", distorted(choices, data)));
    if choices.often() {
        fields.push(("aws-data-key-arn", key("data")));
    }
    if is_table {
        let arn = table(choices);
        fields.push(("aws-table-arn", distorted(choices, arn)));
        if choices.often() {
            let name = choices.pick_or("analysts", &WORKGROUPS);
            let arn = workgroup(name);
            fields.push(("aws-workgroup-arn", distorted(choices, arn)));
            let results = location(choices, "query-results");
            fields.push(("aws-athena-results-arn", distorted(choices, results)));
            if choices.often() {
                fields.push(("aws-athena-results-key-arn", key("results")));
            }
        }
        if choices.often() {
            fields.push(("aws-glue-catalog-key-arn", key("catalog")));
        }
    }
    while choices.byte() >= 200 {
        let name = choices.pick(&FIELDS);
        let arn = match choices.byte() % 6 {
            0 | 1 => location(choices, "orders-data"),
            2 => key(choices.pick(&KEYS)),
            3 => workgroup(choices.pick(&WORKGROUPS)),
            4 => glue(choices.pick(&[
                "database/orders",
                "catalog",
                "database/secrets",
                "table/orders/hourly",
                "job/a",
            ])),
            _ => choices.pick(&["*", "arn:aws:sqs:eu-central-1:123456789012:dmm", "text"]).to_owned(),
        };
        fields.push((name, distorted(choices, arn)));
    }
    let mut fields: BTreeMap<String, String> =
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if choices.byte() >= 253 {
        // More than a policy can hold.
        for number in 0..(u32::from(choices.byte()) / 2) {
            let arn = format!("{}/a-prefix-of-some-length-{number}", bucket("orders-data"));
            fields.insert(format!("aws-more-{number}-arn"), arn);
        }
    }
    fields
}

fn tags(choices: &mut Choices<'_>, product: &str, team: &str) -> Tags {
    let entries: &[(&str, &str)] = match choices.byte() {
        0..200 => &[("dmm-data-product", product)],
        200..220 => &[("dmm-team", team)],
        _ => choices.pick(&[
            &[][..],
            &[("dmm-data-product", "other")],
            &[("dmm-team", "other")],
            &[("dmm-data-product", "Orders"), ("dmm-team", "Sales")],
            &[("DMM-Data-Product", "orders")],
            &[("owner", "orders"), ("dmm-integration", "enabled")],
            &[("dmm-data-product", "sales"), ("dmm-team", "orders")],
        ]),
    };
    entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn resources(choices: &mut Choices<'_>, product: &str, team: &str) -> BTreeMap<String, Tags> {
    let databases = DATABASES.map(|name| glue(&format!("database/{name}")));
    let arns = BUCKETS
        .map(bucket)
        .into_iter()
        .chain(databases)
        .chain(WORKGROUPS.map(workgroup))
        .chain(KEYS.map(key));
    arns.map(|arn| (arn, tags(choices, product, team))).collect()
}

fn facts(choices: &mut Choices<'_>, resources: &BTreeMap<String, Tags>) -> BTreeMap<Arn, ResourceFacts> {
    let tables = DATABASES.iter().flat_map(|database| {
        TABLES.iter().map(move |table| (glue(&format!("table/{database}/{table}")), Tags::new()))
    });
    let mut facts = BTreeMap::new();
    for (arn, tags) in resources.clone().into_iter().chain(tables) {
        match choices.byte() {
            250.. => {}
            245..250 => drop(facts.insert(arn.parse().unwrap(), ResourceFacts::default())),
            odd => {
                let is_governed = odd >= 240 && arn.contains(":table/");
                facts.insert(
                    arn.parse().unwrap(),
                    ResourceFacts { tags, exists: true, is_governed, key: None },
                );
            }
        }
    }
    facts
}

fn consumer(choices: &mut Choices<'_>) -> (Value, Value, Value) {
    let name = choices.pick_or(
        "consumer",
        &[
            "arn:aws:iam::123456789012:role/consumer",
            "arn:aws:iam::210987654321:role/consumer",
            "arn:aws:iam::123456789012:role/other/consumer",
            "a role",
            "",
        ],
    );
    let custom = json!({ "aws-role-name": name });
    let product = json!({ "id": "promotions", "info": { "owner": "marketing" }, "custom": custom });
    let team = json!({ "id": "marketing", "custom": custom });
    let by_product = json!({ "dataProductId": "promotions", "teamId": "claimed" });
    let by_team = json!({ "teamId": "marketing" });
    let consumer = match choices.pick_or(0_u8, &[1, 2, 3, 4]) {
        1 | 2 => by_team,
        3 => json!({ "userId": "somebody", "teamId": "marketing" }),
        4 => json!({ "teamId": "unknown" }),
        _ => by_product,
    };
    (consumer, product, team)
}

fn role(choices: &mut Choices<'_>) -> Role {
    let name = choices.pick_or("consumer", &["dmm-grant"]);
    let path = choices
        .pick_or("/", &["/dmm-consumers/", "/aws-reserved/sso.amazonaws.com/", "/aws-service-role/a/"]);
    let opted_in_by_tag = !choices.rarely();
    let mut tags = tags(choices, "promotions", "marketing");
    if opted_in_by_tag {
        tags.insert("dmm-integration".to_owned(), "enabled".to_owned());
    }
    Role {
        name: name.parse().unwrap(),
        arn: format!("arn:aws:iam::{ACCOUNT}:role{path}{name}"),
        path: path.to_owned(),
        id: "AROANOW".to_owned(),
        has_opted_in: opted_in_by_tag || path == "/dmm-consumers/",
        tags,
    }
}

fn agreement(choices: &mut Choices<'_>, product: &str, consumer: &Value) -> Value {
    let mut info = json!({ "active": !choices.rarely(), "status": choices.pick_or("approved", &["requested", "rejected"]) });
    if choices.often() {
        info["endDate"] = json!("2026-12-31");
    }
    let roles = if choices.rarely() { json!(["reader"]) } else { json!([]) };
    let provider = json!({ "dataProductId": product, "outputPortId": "daily", "teamId": "claimed" });
    json!({ "id": "a1", "info": info, "provider": provider, "consumer": consumer, "roles": roles })
}

fn role_ids(choices: &mut Choices<'_>, role: &Role) -> BTreeMap<RoleName, String> {
    if !choices.rarely() {
        return BTreeMap::new();
    }
    [(role.name.clone(), choices.pick(&["AROANOW", "AROAFORMER"]).to_owned())].into()
}

fn settings(choices: &mut Choices<'_>, product: &str) -> GuardrailSettings {
    let modes = [Ownership::Report, Ownership::Off];
    let accounts = choices.pick_or(&[][..], &[&["*"][..], &[ACCOUNT], &[OTHER_ACCOUNT]]);
    let mut own = vec![bucket("dmm-state"), key("own"), format!("arn:aws:iam::{ACCOUNT}:role/dmm-*")];
    if choices.rarely() {
        own.push(choices.pick(&["arn:aws:s3:::*-secrets", "arn:aws:s3:::shared-data/packs"]).to_owned());
    }
    let owners = if choices.rarely() {
        let shared = format!("{}/daily*", bucket("shared-data"));
        let owners =
            json!({ format!("product:{product}"): [shared, key("data")], "team:sales": [workgroup("*")] });
        owners.to_string().parse().unwrap()
    } else {
        dmm_access::ownership::ResourceOwners::default()
    };
    GuardrailSettings {
        allowed_roles: vec![choices.pick_or("*", &["consumer", "nobody"]).to_owned()],
        allowed_resource_accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
        own_resources: own,
        resource_ownership: choices.pick_or(Ownership::Require, &modes),
        role_ownership: choices.pick_or(Ownership::Require, &modes),
        resource_owners: owners,
        ..testing::settings()
    }
}
