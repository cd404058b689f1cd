//! Evaluates a Pulumi YAML program without Pulumi.
