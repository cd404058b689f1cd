//! The custom fields of output ports, by the kind of the port.

use serde_json::{Map, Value, json};

/// A kind of output ports.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    /// The value of `output-port-type`.
    pub kind: &'static str,
    /// What a port of this kind is, in a sentence.
    pub about: &'static str,
    /// The services whose ARNs its fields may contain.
    pub services: &'static [&'static str],
    /// Its fields, besides `output-port-type`.
    pub fields: &'static [Field],
    /// What else a provider has to know, in paragraphs.
    pub notes: &'static [&'static str],
}

/// A custom field of an output port.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, or an example of one if [`Self::names`] says so.
    pub name: &'static str,
    /// Which names mean the same.
    pub names: Names,
    /// What it contains.
    pub about: &'static str,
    /// An example of its value.
    pub example: &'static str,
    /// Whether the field is needed.
    pub need: Need,
}

/// Which names of a field mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Every name that begins with `aws` and ends with `arn`: the ARN says what it is.
    AnyWithArn,
    /// Only this one. The value is an ARN.
    ExactArn,
    /// Only this one. The value is a text.
    Text,
}

/// Whether a field is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// At least one.
    Required,
    /// One of those that say so.
    OneOfThese,
    /// It may be missing, for the reason in the text.
    Optional(&'static str),
}

const fn arn(name: &'static str, about: &'static str, example: &'static str, need: Need) -> Field {
    Field { name, names: Names::AnyWithArn, about, example, need }
}

const fn exact(name: &'static str, about: &'static str, example: &'static str, need: Need) -> Field {
    Field { names: Names::ExactArn, ..arn(name, about, example, need) }
}

const fn text(name: &'static str, about: &'static str, example: &'static str, need: Need) -> Field {
    Field { names: Names::Text, ..arn(name, about, example, need) }
}

const IF_ENCRYPTED: Need = Need::Optional("if there is one");

const fn key(of: &'static str) -> Field {
    arn("aws-kms-key-arn", of, "arn:aws:kms:eu-central-1:123456789012:alias/orders", IF_ENCRYPTED)
}

const LOCATION: Field = arn(
    "aws-s3-folder-arn",
    "the location of the tables' data: a bucket, or a prefix in one",
    "arn:aws:s3:::orders-data/daily",
    Need::Required,
);
const WORKGROUP: Field = arn(
    "aws-athena-workgroup-arn",
    "the workgroup of the provider in which consumers query",
    "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
    Need::Optional("if consumers do not query in their own"),
);
const RESULTS: Field = exact(
    "aws-athena-results-arn",
    "the location of the query results, which must not overlap the data",
    "arn:aws:s3:::query-results/analysts",
    Need::Optional("only with a workgroup"),
);
const RESULTS_KEY: Field = exact(
    "aws-athena-results-key-arn",
    "the KMS key or alias that encrypts the results",
    "arn:aws:kms:eu-central-1:123456789012:alias/query-results",
    IF_ENCRYPTED,
);
const CATALOG_KEY: Field = exact(
    "aws-glue-catalog-key-arn",
    "the KMS key or alias that encrypts the Data Catalog",
    "arn:aws:kms:eu-central-1:123456789012:alias/catalog",
    IF_ENCRYPTED,
);

const LAKE_NOTES: &[&str] = &[
    "Each role has a folder of its own in the results location: the role `promotions-pipeline` reads and writes \
     `query-results/analysts/promotions-pipeline/` and no other results. Its queries therefore set their output location to \
     `s3://query-results/analysts/promotions-pipeline/`, and the workgroup must not override the client's settings. If you do \
     not want this, leave out the workgroup and its results. Consumers then query in their own workgroup, for which their role \
     already has permissions.",
    "Athena's JDBC and ODBC drivers and BI tools find databases and tables: lists contain what the role may read. They may also \
     call `athena:ListDataCatalogs` and `athena:ListWorkGroups`, which IAM cannot limit to a resource; a role that needs these \
     gets them from its owner. A view needs the tables that it refers to: name their ARNs and the locations of their data as \
     well. Where Lake Formation governs a table, a policy of the role cannot give access to it, so it is refused.",
];

/// All kinds, in the order of the documentation.
pub const PORTS: &[Port] = &[
    Port {
        kind: "s3_bucket",
        about: "An S3 bucket, or a prefix in one.",
        services: &["s3", "kms"],
        fields: &[
            arn(
                "aws-s3-bucket-arn",
                "a bucket, or a prefix in a bucket",
                "arn:aws:s3:::orders-data/daily",
                Need::Required,
            ),
            key("the KMS key or alias that encrypts the objects"),
        ],
        notes: &["The role `write` adds objects and replaces those with the same name. It deletes nothing."],
    },
    Port {
        kind: "glue_table",
        about: "Tables of the Glue Data Catalog with their data in S3, to be queried with Athena.",
        services: &["s3", "kms", "glue", "athena"],
        fields: &[
            arn(
                "aws-glue-table-arn",
                "a table; its names are read in lower case, as Glue stores them",
                "arn:aws:glue:eu-central-1:123456789012:table/orders/daily",
                Need::Required,
            ),
            LOCATION,
            arn(
                "aws-glue-database-arn",
                "the table's own database; likewise its catalog",
                "arn:aws:glue:eu-central-1:123456789012:database/orders",
                Need::Optional("it is derived from the table"),
            ),
            WORKGROUP,
            RESULTS,
            key("the KMS key or alias that encrypts the data"),
            RESULTS_KEY,
            CATALOG_KEY,
        ],
        notes: LAKE_NOTES,
    },
    Port {
        kind: "glue_database",
        about: "A whole database of the Glue Data Catalog, with the tables that are added later.",
        services: &["s3", "kms", "glue", "athena"],
        fields: &[
            arn(
                "aws-glue-database-arn",
                "a database; its name is read in lower case, as Glue stores it",
                "arn:aws:glue:eu-central-1:123456789012:database/orders",
                Need::Required,
            ),
            LOCATION,
            WORKGROUP,
            RESULTS,
            key("the KMS key or alias that encrypts the data"),
            RESULTS_KEY,
            CATALOG_KEY,
        ],
        notes: &["Query results and drivers are as for `glue_table`."],
    },
    Port {
        kind: "dynamodb_table",
        about: "A DynamoDB table with its indexes, single indexes, or the stream of a table.",
        services: &["dynamodb", "kms"],
        fields: &[
            arn(
                "aws-dynamodb-table-arn",
                "a table, an index of one, or its stream",
                "arn:aws:dynamodb:eu-central-1:123456789012:table/orders",
                Need::Required,
            ),
            text(
                "aws-dynamodb-leading-keys",
                "partition keys, separated by commas, to which the access is limited",
                "eu,ch",
                Need::Optional("all items without it"),
            ),
            key("the KMS key or alias that encrypts the table"),
        ],
        notes: &["An index (`…:table/orders/index/by-date`) gives what the index contains, and a stream \
             (`…:table/orders/stream/2026-11-28T12:00:00.000`) the changes. With leading keys, a consumer gets and queries \
             items with these keys, but cannot scan the table or read its stream."],
    },
    Port {
        kind: "kinesis_stream",
        about: "A Kinesis data stream, polled or with enhanced fan-out.",
        services: &["kinesis", "kms"],
        fields: &[
            arn(
                "aws-kinesis-stream-arn",
                "a stream that consumers poll",
                "arn:aws:kinesis:eu-central-1:123456789012:stream/orders",
                Need::OneOfThese,
            ),
            arn(
                "aws-kinesis-consumer-arn",
                "a registered consumer, for enhanced fan-out",
                "arn:aws:kinesis:eu-central-1:123456789012:stream/orders/consumer/forecast:1795867200",
                Need::OneOfThese,
            ),
            key("the KMS key or alias that encrypts the stream"),
        ],
        notes: &["The provider registers the consumer for enhanced fan-out, and pays for it."],
    },
    Port {
        kind: "sqs_queue",
        about: "An SQS queue.",
        services: &["sqs", "kms"],
        fields: &[
            arn(
                "aws-sqs-queue-arn",
                "a queue",
                "arn:aws:sqs:eu-central-1:123456789012:orders.fifo",
                Need::Required,
            ),
            key("the KMS key or alias that encrypts the queue"),
        ],
        notes: &[
            "Whoever receives a message deletes it, so two consumers of one queue share its messages. Give each consumer a queue \
             of its own.",
        ],
    },
    Port {
        kind: "sns_topic",
        about: "An SNS topic.",
        services: &["sns", "kms"],
        fields: &[
            arn(
                "aws-sns-topic-arn",
                "a topic",
                "arn:aws:sns:eu-central-1:123456789012:orders",
                Need::Required,
            ),
            text(
                "aws-sns-subscriptions",
                "`outlive-agreements` if consumers may subscribe, `none` if they only publish",
                "outlive-agreements",
                Need::Required,
            ),
            key("the KMS key or alias that encrypts the topic; only who publishes uses it"),
        ],
        notes: &[
            "Consumers subscribe queues, Lambda functions and delivery streams, but no e-mail addresses and web servers. **A \
             subscription does not end with the agreement**: SNS asks IAM when somebody subscribes, not when it delivers. \
             With `outlive-agreements`, you accept this. Delete the subscriptions of a former consumer (`aws sns list-subscriptions-by-topic`, `aws sns unsubscribe`), or \
             offer an `sqs_queue` instead.",
        ],
    },
    Port {
        kind: "msk_topic",
        about: "Topics of a cluster of Amazon MSK that authenticates its clients with IAM.",
        services: &["kafka"],
        fields: &[
            arn(
                "aws-msk-topic-arn",
                "a topic",
                "arn:aws:kafka:eu-central-1:123456789012:topic/orders/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d-2/daily",
                Need::Required,
            ),
            arn(
                "aws-msk-group-arn",
                "a consumer group that the consumers of this port share",
                "arn:aws:kafka:eu-central-1:123456789012:group/orders/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d-2/analysts",
                Need::Optional("each role has groups of its own"),
            ),
            arn(
                "aws-msk-cluster-arn",
                "the topic's own cluster",
                "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d-2",
                Need::Optional("it is derived from the topic"),
            ),
        ],
        notes: &[
            "Without a group, the role `promotions-pipeline` uses the consumer group with its own name, and groups whose names \
             begin with `promotions-pipeline:`. Tell consumers the bootstrap servers: IAM cannot limit \
             `kafka:GetBootstrapBrokers` to a cluster. The tags are those of the cluster; if several data products share \
             it, the operator names the owners of the topics in `RESOURCE_OWNERS`.",
        ],
    },
    Port {
        kind: "redshift",
        about: "A database of a Redshift cluster, or of a workgroup of Redshift Serverless.",
        services: &["redshift", "redshift-serverless"],
        fields: &[
            arn(
                "aws-redshift-cluster-arn",
                "a cluster",
                "arn:aws:redshift:eu-central-1:123456789012:cluster:orders",
                Need::OneOfThese,
            ),
            arn(
                "aws-redshift-workgroup-arn",
                "a workgroup of Redshift Serverless",
                "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d",
                Need::OneOfThese,
            ),
            text("aws-redshift-database", "the database", "sales", Need::Required),
            text(
                "aws-redshift-db-role",
                "the database role that the consumer gets",
                "reader",
                Need::Optional("if there is one"),
            ),
            text(
                "aws-redshift-db-user",
                "the database user for which the consumer gets credentials (clusters only)",
                "reader",
                Need::Optional("the user is that of the IAM role"),
            ),
            text(
                "aws-redshift-db-group",
                "the group that this user joins",
                "readers",
                Need::Optional("only with a user"),
            ),
        ],
        notes: &[
            "The consumer gets temporary credentials, which last up to an hour, and may use the Data API. What it reads is up to \
             the `GRANT`s in the database: to the user `IAMR:promotions-pipeline`, if no user is named, or to the database role. \
             Redshift takes the database role from the tag `RedshiftDbRoles` of the IAM role. The credentials are \
             given only if this tag has the value of `aws-redshift-db-role`, or does not exist if that field is missing.",
        ],
    },
    Port {
        kind: "api_gateway",
        about: "A REST or HTTP API of Amazon API Gateway whose methods are authorized with IAM.",
        services: &["execute-api"],
        fields: &[arn(
            "aws-api-arn",
            "a stage, a method of it, or a path with everything below it",
            "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod",
            Need::Required,
        )],
        notes: &[
            "Of a stage, `read` gives `GET`, `HEAD` and `OPTIONS`, and `write` gives `POST`, `PUT`, `PATCH` and `DELETE`. A method \
             in the ARN (`…:a1b2c3d4e5/prod/POST/search`) is given in any case.",
        ],
    },
    Port {
        kind: "lambda_function",
        about: "A Lambda function that consumers invoke.",
        services: &["lambda"],
        fields: &[arn(
            "aws-lambda-function-arn",
            "a function, or its version or alias",
            "arn:aws:lambda:eu-central-1:123456789012:function:orders:live",
            Need::Required,
        )],
        notes: &["The right to invoke a function includes neither its versions nor its aliases."],
    },
    Port {
        kind: "opensearch",
        about: "An OpenSearch domain, single indexes of one, or a collection of OpenSearch Serverless.",
        services: &["es", "aoss"],
        fields: &[
            arn(
                "aws-opensearch-domain-arn",
                "a domain, or an index in one",
                "arn:aws:es:eu-central-1:123456789012:domain/orders/daily",
                Need::OneOfThese,
            ),
            arn(
                "aws-opensearch-collection-arn",
                "a collection of OpenSearch Serverless",
                "arn:aws:aoss:eu-central-1:123456789012:collection/a1b2c3d4e5f6g7h8i9j0",
                Need::OneOfThese,
            ),
        ],
        notes: &[
            "For a collection, IAM knows a single right; list the role in the collection's data access policy, which says what it \
             may read or write. A domain with fine-grained access control needs the role in its role mapping as well.",
        ],
    },
    Port {
        kind: "s3_tables",
        about: "A table bucket of S3 Tables, or single Iceberg tables of one.",
        services: &["s3tables", "kms"],
        fields: &[
            arn(
                "aws-s3tables-bucket-arn",
                "a table bucket, or a table in one",
                "arn:aws:s3tables:eu-central-1:123456789012:bucket/orders",
                Need::Required,
            ),
            key("the KMS key or alias that encrypts the tables"),
        ],
        notes: &[],
    },
];

impl Port {
    /// An example of a port: all required fields, and one of those of which one is required.
    #[must_use]
    pub fn example(&self) -> Value {
        let mut example = Map::from_iter([("output-port-type".to_owned(), json!(self.kind))]);
        let first = self.fields.iter().find(|field| field.need == Need::OneOfThese).map(|field| field.name);
        for field in self.fields {
            let is_shown = match field.need {
                Need::Required => true,
                Need::OneOfThese => first == Some(field.name),
                Need::Optional(_) => field.name == "aws-kms-key-arn" || self.shows(field.name),
            };
            if is_shown {
                example.insert(field.name.to_owned(), json!(field.example));
            }
        }
        Value::Object(example)
    }

    /// The optional fields in the examples.
    fn shows(&self, field: &str) -> bool {
        self.kind == "glue_table" && ["aws-athena-workgroup-arn", "aws-athena-results-arn"].contains(&field)
    }
}
