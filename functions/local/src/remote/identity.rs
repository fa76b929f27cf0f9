//! Who invokes the function.
//!
//! Lambda does not tell a function who invoked it. So the program sends a proof that AWS checks,
//! see [`weir_aws::prove_identity`].

use uuid::Uuid;
use weir_aws::{ProofError, prove_identity, proved_identity};

/// Returns what a proof is for: one use of one function.
fn purpose(function: &str, id: Uuid) -> String {
    format!("{function}/{id}")
}

/// Returns the caller's own ARN, and a proof of it.
///
/// Without an answer of STS, the name is only the key's id.
pub(super) async fn own(function: &str, id: Uuid) -> Result<(String, String), ProofError> {
    let purpose = purpose(function, id);
    let proof = prove_identity(&purpose).await?;
    match proved_identity(&proof, &purpose).await {
        Ok(arn) => Ok((arn, proof)),
        Err(error) => {
            tracing::debug!(%error, "STS does not tell the ARN");
            let key = weir_aws::credentials().await?.access_key_id().to_owned();
            Ok((format!("access key {key}"), proof))
        }
    }
}

/// Returns the ARN that a proof proves; `None` if STS cannot be reached from the function. A wrong
/// proof is an error.
pub(super) async fn proved(
    function: &str,
    id: Uuid,
    proof: &str,
) -> Result<Option<String>, ProofError> {
    if proof.is_empty() {
        return Ok(None);
    }
    match proved_identity(proof, &purpose(function, id)).await {
        Ok(arn) => Ok(Some(arn)),
        Err(error) if error.is_refused() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the caller is not proved");
            Ok(None)
        }
    }
}
