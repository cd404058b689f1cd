//! Buckets and their settings.

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, ObjectLockConfiguration, ObjectLockEnabled, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
};
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, built, outputs};

impl Deployer {
    pub(super) async fn bucket(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("bucket")?;
        // Only affects `pulumi destroy`.
        p.boolean("forceDestroy")?;
        let tags = p.texts("tags")?;
        if self.existing("aws:s3:Bucket", &name).is_none() {
            let location = CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                .build();
            let create = self.clients.s3.create_bucket().bucket(&name).create_bucket_configuration(location);
            create.send().await.map_err(aws("CreateBucket"))?;
        }
        if !tags.is_empty() {
            let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
            let tags = tags.collect::<Result<Vec<_>, _>>().map_err(built)?;
            let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(built)?;
            let tagged = self.clients.s3.put_bucket_tagging().bucket(&name).tagging(tagging).send().await;
            tagged.map_err(aws("PutBucketTagging"))?;
        }
        let arn = format!("arn:aws:s3:::{name}");
        self.deployed.buckets.push(name.clone());
        Ok(outputs(json!({ "id": name, "bucket": name, "arn": arn, "region": self.region })))
    }

    pub(super) async fn bucket_policy(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bucket = p.required("bucket")?;
        let policy = p.document("policy")?;
        self.clients
            .s3
            .put_bucket_policy()
            .bucket(&bucket)
            .policy(&policy)
            .send()
            .await
            .map_err(aws("PutBucketPolicy"))?;
        Ok(outputs(json!({ "id": bucket, "bucket": bucket, "policy": policy })))
    }

    pub(super) async fn bucket_public_access_block(
        &self,
        p: &mut Properties,
    ) -> Result<Outputs, DeployError> {
        let bucket = p.required("bucket")?;
        let block = PublicAccessBlockConfiguration::builder()
            .set_block_public_acls(p.boolean("blockPublicAcls")?)
            .set_block_public_policy(p.boolean("blockPublicPolicy")?)
            .set_ignore_public_acls(p.boolean("ignorePublicAcls")?)
            .set_restrict_public_buckets(p.boolean("restrictPublicBuckets")?)
            .build();
        self.clients
            .s3
            .put_public_access_block()
            .bucket(&bucket)
            .public_access_block_configuration(block)
            .send()
            .await
            .map_err(aws("PutPublicAccessBlock"))?;
        Ok(outputs(json!({ "id": bucket, "bucket": bucket })))
    }

    pub(super) async fn bucket_versioning(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bucket = p.required("bucket")?;
        let mut inner =
            p.object("versioningConfiguration")?.ok_or_else(|| p.missing("versioningConfiguration"))?;
        let status = BucketVersioningStatus::from(inner.required("status")?.as_str());
        inner.finish()?;
        self.clients
            .s3
            .put_bucket_versioning()
            .bucket(&bucket)
            .versioning_configuration(VersioningConfiguration::builder().status(status).build())
            .send()
            .await
            .map_err(aws("PutBucketVersioning"))?;
        Ok(outputs(json!({ "id": bucket, "bucket": bucket })))
    }

    pub(super) async fn bucket_object_lock(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bucket = p.required("bucket")?;
        let enabled = ObjectLockEnabled::from(p.required("objectLockEnabled")?.as_str());
        let configuration = ObjectLockConfiguration::builder().object_lock_enabled(enabled).build();
        let put = self.clients.s3.put_object_lock_configuration().bucket(&bucket);
        let put = put.object_lock_configuration(configuration);
        put.send().await.map_err(aws("PutObjectLockConfiguration"))?;
        Ok(outputs(json!({ "id": bucket, "bucket": bucket })))
    }

    pub(super) async fn bucket_encryption(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bucket = p.required("bucket")?;
        let mut configuration = ServerSideEncryptionConfiguration::builder();
        for mut rule in p.objects("rules")? {
            let mut built_rule =
                ServerSideEncryptionRule::builder().set_bucket_key_enabled(rule.boolean("bucketKeyEnabled")?);
            if let Some(mut default) = rule.object("applyServerSideEncryptionByDefault")? {
                let algorithm = ServerSideEncryption::from(default.required("sseAlgorithm")?.as_str());
                built_rule = built_rule.apply_server_side_encryption_by_default(
                    ServerSideEncryptionByDefault::builder()
                        .sse_algorithm(algorithm)
                        .set_kms_master_key_id(default.string("kmsMasterKeyId")?)
                        .build()
                        .map_err(built)?,
                );
                default.finish()?;
            }
            rule.finish()?;
            configuration = configuration.rules(built_rule.build());
        }
        self.clients
            .s3
            .put_bucket_encryption()
            .bucket(&bucket)
            .server_side_encryption_configuration(configuration.build().map_err(built)?)
            .send()
            .await
            .map_err(aws("PutBucketEncryption"))?;
        Ok(outputs(json!({ "id": bucket, "bucket": bucket })))
    }

    pub(super) async fn bucket_lifecycle(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let bucket = p.required("bucket")?;
        let mut configuration = BucketLifecycleConfiguration::builder();
        for mut rule in p.objects("rules")? {
            configuration = configuration.rules(lifecycle_rule(&mut rule)?);
            rule.finish()?;
        }
        self.clients
            .s3
            .put_bucket_lifecycle_configuration()
            .bucket(&bucket)
            .lifecycle_configuration(configuration.build().map_err(built)?)
            .send()
            .await
            .map_err(aws("PutBucketLifecycleConfiguration"))?;
        Ok(outputs(json!({ "id": bucket, "bucket": bucket })))
    }
}

fn lifecycle_rule(rule: &mut Properties) -> Result<LifecycleRule, DeployError> {
    let mut filter = LifecycleRuleFilter::builder();
    if let Some(mut given) = rule.object("filter")? {
        filter = filter.set_prefix(given.string("prefix")?);
        given.finish()?;
    }
    let mut built_rule = LifecycleRule::builder()
        .id(rule.required("id")?)
        .status(ExpirationStatus::from(rule.required("status")?.as_str()))
        .filter(filter.build());
    if let Some(mut given) = rule.object("expiration")? {
        built_rule =
            built_rule.expiration(LifecycleExpiration::builder().set_days(given.number("days")?).build());
        given.finish()?;
    }
    if let Some(mut given) = rule.object("noncurrentVersionExpiration")? {
        built_rule = built_rule.noncurrent_version_expiration(
            NoncurrentVersionExpiration::builder()
                .set_noncurrent_days(given.number("noncurrentDays")?)
                .build(),
        );
        given.finish()?;
    }
    built_rule.build().map_err(built)
}
