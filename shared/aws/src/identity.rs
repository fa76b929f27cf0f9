//! Proves to another program which AWS identity one has, without giving it any rights.
//!
//! The proof is a signed request to `sts:GetCallerIdentity`, as `aws-iam-authenticator` and Vault
//! use it. The other program sends it to STS, which checks the signature and returns the ARN. The
//! signature contains the purpose, so a proof for one purpose is worthless for another one.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use form_urlencoded::Serializer;
use reqwest::{Client, header::ACCEPT, redirect::Policy};

use crate::{AwsError, account::Account, signing};

/// The header with the purpose of a proof.
const PURPOSE: &str = "x-weir-use";
/// The time that STS has to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
const PARAMETERS: [(&str, &str); 2] = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
/// The other parameters of a proof. The last one is missing for a user's own key.
const SIGNATURE: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// The reason why an identity is not proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The settings of AWS are incomplete.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The text is not a proof for this purpose.
    #[error("not a proof of an AWS identity for this use")]
    Malformed,
    /// STS did not answer.
    #[error("STS does not answer: {0}")]
    NoAnswer(String),
    /// STS refused the proof.
    #[error("STS refused the proof: {0}")]
    Refused(String),
}

impl ProofError {
    /// Returns whether the proof itself is wrong.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Malformed | Self::Refused(_))
    }
}

/// Returns a proof of the identity of the present credentials. It is valid for 15 minutes, and for
/// this purpose only.
#[expect(clippy::disallowed_methods, reason = "a signature contains the time")]
pub async fn prove_identity(purpose: &str) -> Result<String, AwsError> {
    let account = Account::read().await?;
    let credentials = crate::credentials().await?;
    let query = Serializer::new(String::new()).extend_pairs(PARAMETERS).finish();
    let url = account.url("sts", &format!("?{query}"));
    let headers = [(PURPOSE, purpose)];
    let now = SystemTime::now();
    let url = signing::presigned(&url, "sts", &account.region, &headers, &credentials, now)?;
    Ok(url.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default())
}

/// Returns the ARN that a proof is for. Asks STS, at the address of this program's own settings.
pub async fn proved_identity(proof: &str, purpose: &str) -> Result<String, ProofError> {
    let query = checked(proof).ok_or(ProofError::Malformed)?;
    let url = Account::read().await?.url("sts", &format!("?{query}"));
    let no_answer = |error: reqwest::Error| ProofError::NoAnswer(error.without_url().to_string());
    let client = Client::builder().redirect(Policy::none()).timeout(ANSWER_LIMIT).build();
    let request = client.map_err(no_answer)?.get(url);
    let request = request.header(ACCEPT, "application/json").header(PURPOSE, purpose);
    let answer = request.send().await.map_err(no_answer)?;
    let status = answer.status();
    let body = answer.text().await.map_err(no_answer)?;
    if status.is_server_error() {
        return Err(ProofError::NoAnswer(status.to_string()));
    }
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let arn = &answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"]["Arn"];
    match arn.as_str() {
        Some(arn) if status.is_success() => Ok(arn.to_owned()),
        _ => Err(ProofError::Refused(status.to_string())),
    }
}

/// Returns the query of a proof, encoded again; `None` if it is another request, or if its
/// signature does not contain the purpose.
fn checked(proof: &str) -> Option<String> {
    let mut names = BTreeSet::new();
    let mut query = Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(proof.as_bytes()) {
        let is_action = PARAMETERS.contains(&(&name, &value));
        let is_allowed = match &*name {
            "X-Amz-SignedHeaders" => value.split(';').any(|header| header == PURPOSE),
            other => is_action || SIGNATURE.contains(&other),
        };
        query.append_pair(&name, &value);
        if !is_allowed || !names.insert(name.into_owned()) {
            return None;
        }
    }
    let needed = PARAMETERS.iter().map(|(name, _)| *name).chain(SIGNATURE[..6].iter().copied());
    needed.into_iter().all(|name| names.contains(name)).then(|| query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signed_request_for_the_own_identity_is_sent_on() {
        let signature = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260101%2Feu-west-1%2Fsts%2Faws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-Signature=00";
        let own = "Action=GetCallerIdentity&Version=2011-06-15";
        let headers = "X-Amz-SignedHeaders=host%3Bx-weir-use";
        assert!(checked(&format!("{own}&{signature}&{headers}")).is_some());
        assert!(checked(&format!("{own}&{signature}&{headers}&X-Amz-Security-Token=t")).is_some());
        for wrong in [
            format!("{own}&{signature}&X-Amz-SignedHeaders=host"),
            format!("{own}&{signature}"),
            format!("{own}&{headers}"),
            format!("Action=AssumeRole&Version=2011-06-15&{signature}&{headers}"),
            format!("{own}&{signature}&{headers}&RoleArn=a"),
            format!("{own}&{own}&{signature}&{headers}"),
            String::new(),
        ] {
            assert!(checked(&wrong).is_none(), "{wrong}");
        }
    }
}
