//! Finds custom fields by their names in any spelling: `aws-role-name`, `awsRoleName` and `AWS_ROLE_NAME` are the same
//! field. The Open Data Product Standard advises names in camel case, and the predecessor of this software had hyphens.

use dmm_mesh::CustomFields;
use dmm_mesh::custom::key;

use crate::refusal::Refusal;

/// A custom field that is not blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// The name as it is written.
    pub(crate) name: &'a str,
    /// The value without spaces around it.
    pub(crate) value: &'a str,
}

/// The fields that are not blank and whose [keys](key) are wanted, in the order of their names. `owner` is what has the
/// fields, such as `output port daily`.
///
/// # Errors
///
/// [`Refusal::FieldAmbiguous`] if two spellings of a field have different values.
pub(crate) fn fields<'a>(
    custom: &'a CustomFields,
    owner: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Field<'a>>, Refusal> {
    let mut found: Vec<Field<'a>> = Vec::new();
    for (name, value) in custom.iter() {
        let field = Field { name, value: value.trim() };
        if field.value.is_empty() || !is_wanted(&key(name)) {
            continue;
        }
        match found.iter().find(|other| key(other.name) == key(name)) {
            Some(other) if other.value != field.value => {
                let (first, second) = (other.name.to_owned(), name.to_owned());
                return Err(Refusal::FieldAmbiguous { owner: owner.to_owned(), first, second });
            }
            Some(_) => {}
            None => found.push(field),
        }
    }
    Ok(found)
}

/// The field with this name in any spelling, unless it is blank.
///
/// # Errors
///
/// As for [`fields`].
pub(crate) fn field<'a>(
    custom: &'a CustomFields,
    owner: &str,
    name: &str,
) -> Result<Option<Field<'a>>, Refusal> {
    let wanted = key(name);
    Ok(fields(custom, owner, |own| own == wanted)?.pop())
}

/// Whether there is a field with this name in any spelling that is not blank.
pub(crate) fn is_present(custom: &CustomFields, name: &str) -> bool {
    custom.iter().any(|(own, value)| key(own) == key(name) && !value.trim().is_empty())
}

/// The words of a name in lower case: `awsS3BucketArn` and `aws-s3-bucket-arn` have the words `aws`, `s3`, `bucket` and
/// `arn`.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let characters: Vec<char> = name.chars().collect();
    for (at, &character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| characters.get(before));
        let is_followed_by_lower = characters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let begins_word = character.is_uppercase()
            && before.is_some_and(|before| !before.is_uppercase() || is_followed_by_lower);
        if begins_word || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (character.is_alphanumeric(), words.last_mut()) {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(fields: &[(&str, &str)]) -> CustomFields {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_field_is_found_in_any_spelling() {
        for name in ["aws-role-name", "awsRoleName", "AWS-Role-Name", "aws_role_name", "AwsRoleName"] {
            let fields = custom(&[(name, " consumer "), ("aws-role", "other")]);
            let found = field(&fields, "team a", "aws-role-name").unwrap();
            assert_eq!(found, Some(Field { name, value: "consumer" }));
        }
        assert_eq!(field(&custom(&[("awsRoleName", " ")]), "team a", "aws-role-name").unwrap(), None);
    }

    #[test]
    fn two_spellings_must_agree() {
        let equal = custom(&[("aws-role-name", "a"), ("awsRoleName", "a "), ("AWS-ROLE-NAME", "")]);
        assert_eq!(field(&equal, "team a", "aws-role-name").unwrap().map(|field| field.value), Some("a"));
        for fields in
            [[("aws-role-name", "a"), ("awsRoleName", "b")], [("awsRoleName", "a"), ("awsRoleName", "b")]]
        {
            let refusal = field(&custom(&fields), "team a", "aws-role-name").unwrap_err();
            assert!(matches!(&refusal, Refusal::FieldAmbiguous { second, .. } if second == "awsRoleName"));
        }
    }

    #[test]
    fn names_have_words() {
        for name in ["aws-s3-bucket-arn", "awsS3BucketArn", "AWS_S3_Bucket_ARN", "aws-S3-bucketARN"] {
            assert_eq!(words(name), ["aws", "s3", "bucket", "arn"], "{name}");
        }
        assert_eq!(words("AWSRoleName"), ["aws", "role", "name"]);
    }
}
