//! The sample company, an online shop. Its data is in the folder `data`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{ConsumerRole, Landscape, PastEvent, Resource, Script, ScriptedAgreement};
use crate::agreement::AgreementKind;

const TEAMS: &str = include_str!("../../data/teams.yaml");
const DATA_PRODUCTS: &str = include_str!("../../data/data-products.yaml");
const AGREEMENTS: &str = include_str!("../../data/agreements.yaml");
const HISTORY: &str = include_str!("../../data/history.yaml");
const DEMO: &str = include_str!("../../data/demo.yaml");

/// The content of `demo.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Demo {
    roles: Vec<ConsumerRole>,
    resources: Vec<Resource>,
    agreements: Vec<ScriptedAgreement>,
}

impl Landscape {
    /// Returns an online shop: eight teams, data products in both forms, agreements of all three generations, and three
    /// years of events. Most agreements wait for approval, and none is active at the start.
    ///
    /// # Panics
    ///
    /// Never: the data files are part of the program, and the tests read them.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the data files are part of the program, and the tests read them")]
    pub fn sample() -> Landscape {
        read_sample().expect("the data files of the sample company are valid")
    }
}

fn read_sample() -> Result<Landscape, serde_saphyr::Error> {
    let agreements: BTreeMap<AgreementKind, Vec<Value>> = serde_saphyr::from_str(AGREEMENTS)?;
    let Demo { roles, resources, agreements: scripted } = serde_saphyr::from_str(DEMO)?;
    Ok(Landscape {
        teams: serde_saphyr::from_str(TEAMS)?,
        products: serde_saphyr::from_str(DATA_PRODUCTS)?,
        agreements: agreements
            .into_iter()
            .flat_map(|(kind, agreements)| agreements.into_iter().map(move |agreement| (kind, agreement)))
            .collect(),
        history: serde_saphyr::from_str::<Vec<PastEvent>>(HISTORY)?,
        raw: Vec::new(),
        roles,
        resources,
        script: Script { agreements: scripted },
    })
}

#[cfg(test)]
mod tests;
