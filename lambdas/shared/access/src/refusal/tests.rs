use super::*;

#[test]
fn a_refusal_says_what_to_do() {
    let role: RoleName = "orders-consumer".parse().unwrap();
    assert_eq!(
        Refusal::RoleNotOptedIn { role }.to_string(),
        "The IAM role orders-consumer has not opted in to this integration. Add the tag `dmm-integration` with \
         the value `enabled` to the role."
    );
    assert_eq!(
        Refusal::ArnMalformed {
            field: Origin::Field("aws-s3-bucket-arn".to_owned()),
            value: "arn:aws:s3:::*".to_owned(),
            problem: ArnError::Wildcard,
        }
        .to_string(),
        "The custom field `aws-s3-bucket-arn` of the output port is `arn:aws:s3:::*`, which contains a wildcard \
         (`*` or `?`) or a variable (`${`); the ARN has to name exactly one resource. Correct it."
    );
}

#[test]
fn a_long_value_is_shortened_in_the_message() {
    let refusal = Refusal::PortTypeUnsupported {
        port: "daily".to_owned(),
        port_type: "ü".repeat(5_000),
        choices: "`s3_bucket`".to_owned(),
    };
    assert!(refusal.to_string().chars().count() < 450);
    assert!(refusal.to_string().contains('…'));
}

#[test]
fn the_code_is_the_name_of_the_variant() {
    let role: RoleName = "orders-consumer".parse().unwrap();
    assert_eq!(Refusal::RoleNotOptedIn { role }.code(), "RoleNotOptedIn");
    assert_eq!(Refusal::AccountFull.code(), "AccountFull");
}

#[test]
fn a_refusal_of_a_person_does_not_say_who_it_is() {
    assert!(Refusal::ConsumerIsUser.to_string().starts_with("The consumer is a user."));
}
