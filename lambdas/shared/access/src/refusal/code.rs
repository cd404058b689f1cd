//! What a refusal is called, and whom it concerns.

use super::Refusal;

impl Refusal {
    /// The reason in one word, for metrics and spans. Dashboards depend on these words.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::ConsumerIsUser => "ConsumerIsUser",
            Refusal::ConsumerUnknown => "ConsumerUnknown",
            Refusal::ConsumerGone { .. } => "ConsumerGone",
            Refusal::RoleFieldMissing { .. } => "RoleFieldMissing",
            Refusal::RoleFieldMalformed { .. } => "RoleFieldMalformed",
            Refusal::RoleMissing { .. } => "RoleMissing",
            Refusal::RoleElsewhere { .. } => "RoleElsewhere",
            Refusal::RoleServiceLinked { .. } => "RoleServiceLinked",
            Refusal::RoleProtected { .. } => "RoleProtected",
            Refusal::RoleNotAllowed { .. } => "RoleNotAllowed",
            Refusal::RoleNotOptedIn { .. } => "RoleNotOptedIn",
            Refusal::OtherPartition { .. } => "OtherPartition",
            Refusal::RoleFull { .. } => "RoleFull",
            Refusal::AccountFull => "AccountFull",
            Refusal::RoleUnmodifiable { .. } => "RoleUnmodifiable",
            Refusal::AccessDenied { .. } => "AccessDenied",
            Refusal::DocumentTooLarge { .. } => "DocumentTooLarge",
            Refusal::DocumentRejected => "DocumentRejected",
            Refusal::ProviderUnknown => "ProviderUnknown",
            Refusal::ProductGone { .. } => "ProductGone",
            Refusal::PortGone { .. } => "PortGone",
            Refusal::NotOnAws { .. } => "NotOnAws",
            Refusal::PortAmbiguous { .. } => "PortAmbiguous",
            Refusal::LocationMissing { .. } => "LocationMissing",
            Refusal::FieldAmbiguous { .. } => "FieldAmbiguous",
            Refusal::ContractGone { .. } => "ContractGone",
            Refusal::ContractInvalid { .. } => "ContractInvalid",
            Refusal::ServerUnknown { .. } => "ServerUnknown",
            Refusal::ServersAmbiguous { .. } => "ServersAmbiguous",
            Refusal::NoServerFits { .. } => "NoServerFits",
            Refusal::ServerUnsupported { .. } => "ServerUnsupported",
            Refusal::MemberMissing { .. } => "MemberMissing",
            Refusal::MemberInvalid { .. } => "MemberInvalid",
            Refusal::ModelsMissing { .. } => "ModelsMissing",
            Refusal::PortTypeMissing { .. } => "PortTypeMissing",
            Refusal::PortTypeUnsupported { .. } => "PortTypeUnsupported",
            Refusal::ArnMissing { .. } => "ArnMissing",
            Refusal::ArnMalformed { .. } => "ArnMalformed",
            Refusal::ArnUnsupported { .. } => "ArnUnsupported",
            Refusal::AccountForbidden { .. } => "AccountForbidden",
            Refusal::RoleReserved { .. } => "RoleReserved",
            Refusal::RoleOfStack { .. } => "RoleOfStack",
            Refusal::RoleAccountMissing { .. } => "RoleAccountMissing",
            Refusal::RoleNotOwned { .. } => "RoleNotOwned",
            Refusal::RoleRecreated { .. } => "RoleRecreated",
            Refusal::SingleObject { .. } => "SingleObject",
            Refusal::FieldNameUnclear { .. } => "FieldNameUnclear",
            Refusal::ResultsOverlapData { .. } => "ResultsOverlapData",
            Refusal::TableGoverned { .. } => "TableGoverned",
            Refusal::ResourceOfStack { .. } => "ResourceOfStack",
            Refusal::ResourceNotOwned { .. } => "ResourceNotOwned",
            Refusal::ResourceMissing { .. } => "ResourceMissing",
            Refusal::ResourceUnknown { .. } => "ResourceUnknown",
            Refusal::AccessRoleUnknown { .. } => "AccessRoleUnknown",
            Refusal::AliasWithoutKey { .. } => "AliasWithoutKey",
            Refusal::TextMissing { .. } => "TextMissing",
            Refusal::TextMalformed { .. } => "TextMalformed",
            Refusal::Uninstalling => "Uninstalling",
            Refusal::Blocked => "Blocked",
        }
    }

    /// Whether an operator has decided it. Then neither the brake nor the window of revocations is asked: somebody wants the
    /// access to be taken away now.
    #[must_use]
    pub fn is_decided_by_operator(&self) -> bool {
        matches!(self, Refusal::Blocked)
    }

    /// Whether the output port may be meant for another platform's integration. Its state in Data Mesh Manager then
    /// belongs to that integration, so this one reports only if it gave access before.
    #[must_use]
    pub fn is_for_another_platform(&self) -> bool {
        matches!(self, Refusal::NotOnAws { .. })
    }
}
