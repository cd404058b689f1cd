//! Event buses, rules and their targets.
//!
//! The emulator does not support functions and API destinations as targets. A rule with such a target gets a separate queue as its
//! target instead, from which [`dmm_lambda_service`] delivers the events like EventBridge.

use std::time::Duration;

use aws_sdk_eventbridge::types::builders::TargetBuilder;
use aws_sdk_eventbridge::types::{DeadLetterConfig, InputTransformer, RuleState, SqsParameters, Tag, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use dmm_lambda_service::{Receiver, RetryPolicy, RuleTarget, Schedule};
use dmm_mesh::sha256_hex;
use dmm_rules::Pattern;
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, Rule, aws, built, outputs, refused};

/// EventBridge's bus for AWS's own events and for schedules.
const DEFAULT_BUS: &str = "default";

impl Deployer {
    pub(super) async fn event_bus(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let tags = p.texts("tags")?;
        let existing = self.existing("aws:cloudwatch:EventBus", &name);
        let former = existing.as_ref().map(|existing| existing.former_tags(&tags)).unwrap_or_default();
        let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
        let description = p.string("description")?;
        if let Some(existing) = existing {
            let (events, arn) = (&self.clients.events, existing.output("arn"));
            let update = events.update_event_bus().name(&name).set_description(description);
            update.send().await.map_err(aws("UpdateEventBus"))?;
            let tag = events.tag_resource().resource_arn(&arn).set_tags(Some(tags));
            tag.send().await.map_err(aws("TagResource"))?;
            if !former.is_empty() {
                let untag = events.untag_resource().resource_arn(&arn).set_tag_keys(Some(former));
                untag.send().await.map_err(aws("UntagResource"))?;
            }
            return Ok(outputs(json!({ "id": name, "name": name, "arn": arn })));
        }
        let created = self
            .clients
            .events
            .create_event_bus()
            .name(&name)
            .set_tags(Some(tags))
            .set_description(description)
            .send()
            .await
            .map_err(aws("CreateEventBus"))?;
        Ok(outputs(json!({ "id": name, "name": name, "arn": created.event_bus_arn().unwrap_or_default() })))
    }

    pub(super) async fn event_bus_policy(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bus = p.string("eventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
        let policy = p.document("policy")?;
        self.clients
            .events
            .put_permission()
            .event_bus_name(&bus)
            .policy(&policy)
            .send()
            .await
            .map_err(aws("PutPermission"))?;
        Ok(outputs(json!({ "id": bus, "eventBusName": bus, "policy": policy })))
    }

    pub(super) async fn event_archive(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let days: Option<i32> = p.number("retentionDays")?;
        if days.is_some_and(|days| days < 0) {
            return Err(p.out_of_range("retentionDays"));
        }
        let source = p.required("eventSourceArn")?;
        let description = p.string("description")?;
        if let Some(existing) = self.existing("aws:cloudwatch:EventArchive", &name) {
            existing.must_equal(p.at("eventSourceArn"), "eventSourceArn", Some(&source))?;
            let update = self.clients.events.update_archive().archive_name(&name);
            let update = update.set_description(description).set_retention_days(days);
            update.send().await.map_err(aws("UpdateArchive"))?;
            return Ok(outputs(json!({ "id": name, "name": name, "arn": existing.output("arn") })));
        }
        let created = self
            .clients
            .events
            .create_archive()
            .archive_name(&name)
            .event_source_arn(source)
            .set_description(description)
            .set_retention_days(days)
            .send()
            .await
            .map_err(aws("CreateArchive"))?;
        Ok(outputs(json!({ "id": name, "name": name, "arn": created.archive_arn().unwrap_or_default() })))
    }

    pub(super) async fn event_rule(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let bus = p.string("eventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
        let schedule = p.string("scheduleExpression")?;
        let pattern =
            p.value("eventPattern").map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
        if let Some(text) = &pattern {
            Pattern::parse(text).map_err(|source| refused(p, "eventPattern", source))?;
        }
        p.texts("tags")?;
        let state = match p.expect("state", &["ENABLED"])? {
            Some(state) => Some(RuleState::from(state.as_str())),
            None => self.state_of_existing_rule(&bus, &name).await?,
        };
        let created = self
            .clients
            .events
            .put_rule()
            .name(&name)
            .event_bus_name(&bus)
            .set_description(p.string("description")?)
            .set_event_pattern(pattern)
            .set_schedule_expression(schedule.clone())
            .set_state(state)
            .send()
            .await
            .map_err(aws("PutRule"))?;
        let arn = created.rule_arn().unwrap_or_default().to_owned();
        self.rules.insert((bus.clone(), name.clone()), Rule { arn: arn.clone(), schedule });
        let id = if bus == DEFAULT_BUS { name.clone() } else { format!("{bus}/{name}") };
        Ok(outputs(json!({ "id": id, "name": name, "arn": arn, "eventBusName": bus })))
    }

    /// An operator may have disabled the rule, and an update of the program does not enable it again.
    async fn state_of_existing_rule(&self, bus: &str, name: &str) -> Result<Option<RuleState>, DeployError> {
        let key_of = |bus: &str| format!("{bus}/{name}");
        let is_default =
            bus == DEFAULT_BUS && self.existing("aws:cloudwatch:EventRule", &key_of("")).is_some();
        if !is_default && self.existing("aws:cloudwatch:EventRule", &key_of(bus)).is_none() {
            return Ok(None);
        }
        let describe = self.clients.events.describe_rule().event_bus_name(bus).name(name);
        Ok(describe.send().await.map_err(aws("DescribeRule"))?.state().cloned())
    }

    pub(super) async fn event_target(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let rule_name = p.required("rule")?;
        let bus = p.string("eventBusName")?.unwrap_or_else(|| DEFAULT_BUS.to_owned());
        let id = p.string("targetId")?.unwrap_or_else(|| rule_name.clone());
        let arn = p.required("arn")?;
        let retry_policy = retry_policy(p)?;
        let dead_letter_arn = match p.object("deadLetterConfig")? {
            None => None,
            Some(mut config) => {
                let arn = config.string("arn")?;
                config.finish()?;
                arn
            }
        };
        let rule = self.rules.get(&(bus.clone(), rule_name.clone())).cloned().ok_or_else(|| {
            DeployError::UnknownReference {
                path: p.at("rule"),
                name: format!("the rule {rule_name} on the bus {bus}"),
            }
        })?;
        let caller = p.string("roleArn")?;
        let receiver = match arn.split(':').nth(2) {
            Some("lambda") => Some(Receiver::Function(self.function_name(&arn, &p.at("arn"))?)),
            Some("events") => {
                // EventBridge calls an API destination with the permissions of a role.
                if caller.is_none() {
                    return Err(p.missing("roleArn"));
                }
                Some(Receiver::Webhook(Box::new(self.webhook(&arn, &p.at("arn"))?)))
            }
            Some("sqs") => None,
            _ => {
                let known = "functions, queues, API destinations".to_owned();
                return Err(DeployError::UnsupportedValue { path: p.at("arn"), value: arn, known });
            }
        };
        let dead_letter_queue_url = dead_letter_arn
            .as_ref()
            .map(|arn| self.standard_queue_url(arn, &p.at("deadLetterConfig")))
            .transpose()?;
        let target = input(p)?.id(&id);
        match (&rule.schedule, receiver) {
            (Some(expression), Some(Receiver::Function(function))) => {
                let rate = expression.parse().map_err(|source| refused(p, "rule", source))?;
                let schedule = Schedule {
                    rule_arn: rule.arn.clone(),
                    rule_name: rule_name.clone(),
                    client: self.clients.events.clone(),
                    rate,
                    function,
                };
                self.functions.add_schedule(schedule).map_err(|source| refused(p, "arn", source))?;
            }
            (Some(_), _) => {
                let known = "functions, where the rule has a schedule".to_owned();
                return Err(DeployError::UnsupportedValue { path: p.at("arn"), value: arn, known });
            }
            (None, Some(receiver)) => {
                let target = RuleTarget {
                    queue_url: self.target_queue(&bus, &rule_name, &id, target).await?,
                    client: self.clients.sqs.clone(),
                    receiver,
                    rule_arn: rule.arn.clone(),
                    retry_policy,
                    dead_letter_queue_url,
                };
                self.functions.add_rule_target(target).map_err(|source| refused(p, "arn", source))?;
            }
            (None, None) => {
                self.queue_url(&arn, &p.at("arn"))?;
                let group = match p.object("sqsTarget")? {
                    None => None,
                    Some(mut given) => {
                        let group = given.string("messageGroupId")?;
                        given.finish()?;
                        group
                    }
                };
                let target = target
                    .arn(&arn)
                    .set_sqs_parameters(
                        group.map(|group| SqsParameters::builder().message_group_id(group).build()),
                    )
                    .set_dead_letter_config(
                        dead_letter_arn.map(|arn| DeadLetterConfig::builder().arn(arn).build()),
                    );
                self.put_target(&bus, &rule_name, target).await?;
            }
        }
        Ok(outputs(
            json!({ "id": format!("{bus}-{rule_name}-{id}"), "arn": arn, "rule": rule_name, "targetId": id }),
        ))
    }

    /// Creates the queue that replaces a target which the emulator does not support, and makes it the rule's target.
    async fn target_queue(
        &mut self,
        bus: &str,
        rule: &str,
        id: &str,
        target: TargetBuilder,
    ) -> Result<String, DeployError> {
        let name = target_queue_name(bus, rule, id);
        let create = self.clients.sqs.create_queue().queue_name(&name);
        // A message stays in flight until its event was processed.
        let create = create.attributes(QueueAttributeName::VisibilityTimeout, "43200");
        let url = if self.has_target_queue(&name) {
            self.url_of_existing_queue(&name).await?
        } else {
            let created = create.send().await.map_err(aws("CreateQueue"))?;
            created.queue_url().unwrap_or_default().to_owned()
        };
        self.put_target(bus, rule, target.arn(self.queue_arn(&name))).await?;
        self.deployed.kept.add_target_queue(name);
        self.deployed.target_queues.push(url.clone());
        Ok(url)
    }

    async fn put_target(&self, bus: &str, rule: &str, target: TargetBuilder) -> Result<(), DeployError> {
        let answer = self
            .clients
            .events
            .put_targets()
            .event_bus_name(bus)
            .rule(rule)
            .targets(target.build().map_err(built)?)
            .send()
            .await
            .map_err(aws("PutTargets"))?;
        match answer.failed_entries().first() {
            None => Ok(()),
            Some(failed) => Err(DeployError::Refused {
                operation: "PutTargets",
                message: failed.error_message().unwrap_or("no reason given").to_owned(),
            }),
        }
    }
}

/// Reads what the target receives instead of the whole event.
fn input(p: &mut Properties) -> Result<TargetBuilder, DeployError> {
    let target = Target::builder().set_input(p.string("input")?).set_input_path(p.string("inputPath")?);
    let Some(mut given) = p.object("inputTransformer")? else { return Ok(target) };
    let mut transformer = InputTransformer::builder().input_template(given.required("inputTemplate")?);
    for (name, path) in given.texts("inputPaths")? {
        transformer = transformer.input_paths_map(name, path);
    }
    given.finish()?;
    Ok(target.input_transformer(transformer.build().map_err(built)?))
}

/// The prefix of the names of queues that replace rule targets.
const TARGET_QUEUE: &str = "dmm-local-rule-target";

/// Returns the name of the queue that replaces a target. It is the same for each deployment, so that the events in it reach the same
/// target. A name of SQS has at most 80 characters.
fn target_queue_name(bus: &str, rule: &str, id: &str) -> String {
    let mut digest = sha256_hex(format!("{bus}/{rule}/{id}"));
    digest.truncate(16);
    format!("{TARGET_QUEUE}-{digest}")
}

fn retry_policy(p: &mut Properties) -> Result<RetryPolicy, DeployError> {
    let mut policy = RetryPolicy::default();
    if let Some(mut given) = p.object("retryPolicy")? {
        if let Some(attempts) = given.number("maximumRetryAttempts")? {
            policy.maximum_retry_attempts = attempts;
        }
        if let Some(seconds) = given.number("maximumEventAgeInSeconds")? {
            policy.maximum_event_age = Duration::from_secs(seconds);
        }
        given.finish()?;
    }
    Ok(policy)
}
