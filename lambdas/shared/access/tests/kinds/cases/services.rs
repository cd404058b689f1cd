//! Streams, messages, and what answers requests.

use serde_json::{Value, json};

use super::{Case, KEY, VIA, arn, case};

pub(super) fn streams() -> Vec<Case> {
    let (stream, consumer) = ("kinesis:stream/orders", "kinesis:stream/orders/consumer/forecast:1795867200");
    let key = [
        (VIA, "kinesis.eu-central-1.amazonaws.com"),
        ("kms:EncryptionContext:aws:kinesis:arn", "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"),
    ];
    let describe = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards"];
    let fields = json!({ "output-port-type": "kinesis_stream", "aws-stream-arn": arn(stream),
                         "aws-key-arn": arn("kms:alias/orders") });
    let fan_out = json!({ "output-port-type": "kinesis_stream", "aws-consumer-arn": arn(consumer) });
    vec![
        case("a stream, polled", fields.clone())
            .can(&describe, &[stream])
            .can(&["kinesis:GetRecords", "kinesis:GetShardIterator"], &[stream])
            .can_in(&["kms:Decrypt"], KEY, &key)
            .cannot(&["kinesis:SubscribeToShard"], &[consumer]),
        case("a stream, written", fields)
            .asks(&["write"])
            .can(&describe, &[stream])
            .can(&["kinesis:PutRecord", "kinesis:PutRecords"], &[stream])
            .can_in(&["kms:Decrypt", "kms:GenerateDataKey"], KEY, &key),
        case("enhanced fan-out", fan_out)
            .can(&describe, &[stream])
            .can(&["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"], &[consumer])
            .cannot(
                &["kinesis:SubscribeToShard"],
                &["kinesis:stream/orders/consumer/other:1795867200", stream],
            ),
    ]
}

pub(super) fn messages() -> Vec<Case> {
    let (queue, topic) = ("sqs:orders.fifo", "sns:orders");
    let queue_key = [
        (VIA, "sqs.eu-central-1.amazonaws.com"),
        ("kms:EncryptionContext:aws:sqs:arn", "arn:aws:sqs:eu-central-1:123456789012:orders.fifo"),
    ];
    let topic_key = [
        (VIA, "sns.eu-central-1.amazonaws.com"),
        ("kms:EncryptionContext:aws:sns:topicArn", "arn:aws:sns:eu-central-1:123456789012:orders"),
    ];
    let both = ["kms:Decrypt", "kms:GenerateDataKey"];
    let sqs =
        json!({ "output-port-type": "sqs_queue", "aws-queue-arn": arn(queue), "aws-key-arn": arn(KEY) });
    let sns = json!({ "output-port-type": "sns_topic", "aws-sns-subscriptions": "outlive-agreements", "aws-topic-arn": arn(topic), "aws-key-arn": arn(KEY) });
    let find = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"];
    let protocol = |name| [("sns:Protocol", name)];
    vec![
        case("a queue, received from", sqs.clone())
            .can(&find, &[queue])
            .can(&["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"], &[queue])
            .can_in(&["kms:Decrypt"], KEY, &queue_key),
        case("a queue, sent to", sqs)
            .asks(&["write"])
            .can(&find, &[queue])
            .can(&["sqs:SendMessage"], &[queue])
            .can_in(&both, KEY, &queue_key),
        case("a topic, subscribed", sns.clone())
            .can(&["sns:GetTopicAttributes"], &[topic])
            .can_in(&["sns:Subscribe"], topic, &protocol("sqs"))
            .can_in(&["sns:Subscribe"], topic, &protocol("lambda"))
            .can_in(&["sns:Subscribe"], topic, &protocol("firehose"))
            .cannot_in(&["sns:Subscribe"], topic, &protocol("email"))
            .cannot_in(&["sns:Subscribe"], topic, &protocol("https")),
        case("a topic, published to", sns)
            .asks(&["write"])
            .can(&["sns:GetTopicAttributes", "sns:Publish"], &[topic])
            .can_in(&both, KEY, &topic_key),
    ]
}

pub(super) fn kafka() -> Vec<Case> {
    let (cluster, topic) = ("kafka:cluster/orders/0a1b-2", "kafka:topic/orders/0a1b-2/daily");
    let connect = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"];
    let read = [
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:DescribeTopicDynamicConfiguration",
        "kafka-cluster:ReadData",
    ];
    let group = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"];
    let fields = json!({ "output-port-type": "msk_topic", "aws-topic-arn": arn(topic) });
    let shared = json!({ "output-port-type": "msk_topic", "aws-topic-arn": arn(topic),
                         "aws-group-arn": arn("kafka:group/orders/0a1b-2/analysts") });
    vec![
        case("a topic, read", fields.clone())
            .can(&connect, &[cluster])
            .can(&read, &[topic])
            .can(&group, &["kafka:group/orders/0a1b-2/consumer", "kafka:group/orders/0a1b-2/consumer:hourly"])
            .cannot(&group, &["kafka:group/orders/0a1b-2/consumer-2", "kafka:group/orders/0a1b-2/other"])
            .cannot(&read, &["kafka:topic/orders/0a1b-2/daily-secrets", "kafka:topic/orders/0a1b-2/weekly"]),
        case("a topic, written", fields)
            .asks(&["write"])
            .can(&connect, &[cluster])
            .can(&["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"], &[topic])
            .can(&["kafka-cluster:WriteDataIdempotently"], &[cluster]),
        case("a topic with a shared group", shared)
            .can(&connect, &[cluster])
            .can(&read, &[topic])
            .can(&group, &["kafka:group/orders/0a1b-2/analysts"])
            .cannot(&group, &["kafka:group/orders/0a1b-2/consumer"]),
    ]
}

pub(super) fn redshift() -> Vec<Case> {
    let (cluster, workgroup) = ("redshift:cluster:orders", "redshift-serverless:workgroup/orders");
    let run = [
        "redshift-data:BatchExecuteStatement",
        "redshift-data:DescribeTable",
        "redshift-data:ExecuteStatement",
        "redshift-data:ListDatabases",
        "redshift-data:ListSchemas",
        "redshift-data:ListTables",
    ];
    let results = [
        "redshift-data:CancelStatement",
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
        "redshift-data:ListStatements",
    ];
    let owner = |id| [("redshift-data:statement-owner-iam-userid", id)];
    let runs = |case: Case, on: &str| {
        // IAM knows no resource for the results of a statement, so this is any.
        case.can(&run, &[on])
            .can_in(&results, "redshift-data:statement/1", &owner("AROAX:session"))
            .cannot_in(&results, "redshift-data:statement/1", &owner("AROAY:session"))
            .cannot(&results, &["redshift-data:statement/1"])
    };
    let fields = |more: Value| {
        let mut fields = json!({ "output-port-type": "redshift", "aws-redshift-database": "sales" });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fields
    };
    let (as_role, as_user) = (["redshift:GetClusterCredentialsWithIAM"], ["redshift:GetClusterCredentials"]);
    let serverless = ["redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup"];
    let tagged = |value| [("aws:PrincipalTag/RedshiftDbRoles", value)];
    let (database, user, group) =
        ("redshift:dbname:orders/sales", "redshift:dbuser:orders/reader", "redshift:dbgroup:orders/readers");
    vec![
        runs(case("a cluster, as the role", fields(json!({ "aws-cluster-arn": arn(cluster) }))), cluster)
            .can(&["redshift:DescribeClusters"], &[cluster])
            .can(&as_role, &[database])
            .cannot(&as_role, &["redshift:dbname:orders/other"])
            .cannot_in(&as_role, database, &tagged("sys:superuser")),
        runs(
            case(
                "a cluster, as a user of a group",
                fields(json!({ "aws-cluster-arn": arn(cluster), "aws-redshift-db-user": "reader",
                               "aws-redshift-db-group": "readers" })),
            ),
            cluster,
        )
        .can(&["redshift:DescribeClusters"], &[cluster])
        .can(&as_user, &[database, user])
        .can(&["redshift:JoinGroup"], &[group])
        .cannot(&as_user, &["redshift:dbuser:orders/admin"])
        .cannot(&["redshift:JoinGroup"], &["redshift:dbgroup:orders/admins"]),
        runs(case("a workgroup", fields(json!({ "aws-workgroup-arn": arn(workgroup) }))), workgroup)
            .can(&serverless, &[workgroup])
            .cannot_in(&serverless, workgroup, &tagged("sys:superuser")),
        runs(
            case(
                "a workgroup with a database role",
                fields(json!({ "aws-workgroup-arn": arn(workgroup), "aws-redshift-db-role": "reader" })),
            ),
            workgroup,
        )
        .can_in(&serverless, workgroup, &tagged("reader"))
        .cannot_in(&serverless, workgroup, &tagged("sys:superuser"))
        .cannot(&serverless, &[workgroup]),
    ]
}

pub(super) fn calls() -> Vec<Case> {
    let invoke = ["execute-api:Invoke"];
    let api = |resource: &str| json!({ "output-port-type": "api_gateway", "aws-api-arn": arn(&format!("execute-api:{resource}")) });
    let function = |resource: &str| json!({ "output-port-type": "lambda_function", "aws-function-arn": arn(&format!("lambda:{resource}")) });
    vec![
        case("a stage, read", api("orders1/prod"))
            .can(&invoke, &["execute-api:orders1/prod/GET/orders/1", "execute-api:orders1/prod/HEAD/"])
            .cannot(
                &invoke,
                &["execute-api:orders1/prod/POST/orders", "execute-api:orders1/test/GET/orders"],
            ),
        case("a stage, written", api("orders1/prod"))
            .asks(&["write"])
            .can(
                &invoke,
                &["execute-api:orders1/prod/POST/orders", "execute-api:orders1/prod/DELETE/orders/1"],
            )
            .cannot(&invoke, &["execute-api:orders1/prod/GET/orders"]),
        case("a path", api("orders1/prod/POST/search/"))
            .can(
                &invoke,
                &["execute-api:orders1/prod/POST/search", "execute-api:orders1/prod/POST/search/eu"],
            )
            .cannot(
                &invoke,
                &["execute-api:orders1/prod/POST/searches", "execute-api:orders1/prod/GET/search"],
            ),
        case("a function", function("function:orders"))
            .can(&["lambda:InvokeFunction"], &["lambda:function:orders"])
            .cannot(&["lambda:InvokeFunction"], &["lambda:function:orders:1", "lambda:function:orders-2"]),
        case("an alias of a function", function("function:orders:live"))
            .can(&["lambda:InvokeFunction"], &["lambda:function:orders:live"])
            .cannot(&["lambda:InvokeFunction"], &["lambda:function:orders", "lambda:function:orders:test"]),
    ]
}

pub(super) fn search() -> Vec<Case> {
    let port = |short: &str| json!({ "output-port-type": "opensearch", "aws-search-arn": arn(short) });
    let (get, search) = (["es:ESHttpGet", "es:ESHttpHead"], ["es:ESHttpPost"]);
    let write = ["es:ESHttpDelete", "es:ESHttpPost", "es:ESHttpPut"];
    vec![
        case("a domain, read", port("es:domain/orders"))
            .can(
                &get,
                &["es:domain/orders/", "es:domain/orders/daily/_search", "es:domain/orders/_cat/indices"],
            )
            .can(
                &search,
                &["es:domain/orders/_search", "es:domain/orders/daily/_search", "es:domain/orders/_msearch"],
            )
            .cannot(
                &search,
                &["es:domain/orders/daily/_doc", "es:domain/orders/_bulk", "es:domain/orders/_reindex"],
            ),
        case("an index, read", port("es:domain/orders/daily"))
            .can(
                &get,
                &[
                    "es:domain/orders/daily",
                    "es:domain/orders/daily/_search",
                    "es:domain/orders/daily/_doc/1",
                ],
            )
            .can(&search, &["es:domain/orders/daily/_search", "es:domain/orders/daily/_count"])
            .cannot(
                &get,
                &[
                    "es:domain/orders/secrets/_search",
                    "es:domain/orders/daily/_mget",
                    "es:domain/orders/_cat",
                ],
            )
            .cannot(&search, &["es:domain/orders/daily/_doc", "es:domain/orders/daily,secrets/_search"]),
        case("an index, written", port("es:domain/orders/daily"))
            .asks(&["write"])
            .can(&write, &["es:domain/orders/daily/_doc/1", "es:domain/orders/daily/_update/1"])
            .cannot(
                &write,
                &["es:domain/orders/daily", "es:domain/orders/secrets/_doc/1", "es:domain/orders/_bulk"],
            )
            .cannot(&get, &["es:domain/orders/daily/_search"]),
        case("a collection", port("aoss:collection/orders"))
            .can(&["aoss:APIAccessAll"], &["aoss:collection/orders"]),
    ]
}
