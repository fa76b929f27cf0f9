//! Invokes Lambda functions.

use std::time::{Duration, SystemTime};

use reqwest::{Client, Response, StatusCode};

use crate::{
    AwsError,
    account::Account,
    signing::{self, Unsigned},
};

/// Lambda ends each invocation after 15 minutes.
const ANSWER_LIMIT: Duration = Duration::from_secs(15 * 60 + 30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// An idle connection of this length may be forgotten by a router on the way.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The tries of a request that Lambda did not accept.
const TRIES: u32 = 4;
const BACKOFF: Duration = Duration::from_millis(500);

/// The reason why a function did not answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There are no credentials, or no region.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The account has no such function in this region.
    #[error("the function {function} does not exist in {region}")]
    NotFound {
        /// The name of the function.
        function: String,
        /// The region.
        region: String,
    },
    /// Lambda refused the request.
    #[error("Lambda refused the request to {function} ({status}): {reason}")]
    Refused {
        /// The name of the function.
        function: String,
        /// The status of the answer.
        status: StatusCode,
        /// The reason that Lambda gives.
        reason: String,
    },
    /// The function ended without an answer.
    #[error("the function {function} failed: {reason}")]
    Failed {
        /// The name of the function.
        function: String,
        /// The error of the function.
        reason: String,
    },
    /// There is no connection to Lambda. The function does not run.
    #[error("cannot reach Lambda in {region}: {reason}; check the region and the network")]
    Unreachable {
        /// The region.
        region: String,
        /// The error of the connection.
        reason: String,
    },
    /// The answer did not arrive. The function may run.
    #[error("no answer of the function {function}: {reason}")]
    Lost {
        /// The name of the function.
        function: String,
        /// The error of the connection.
        reason: String,
    },
}

/// Invokes functions of the account and the region of the AWS settings.
pub struct Lambda {
    account: Account,
    client: Client,
}

impl Lambda {
    /// Reads the AWS settings.
    pub async fn new() -> Result<Self, AwsError> {
        let client = Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .read_timeout(ANSWER_LIMIT)
            .tcp_keepalive(KEEPALIVE)
            .build();
        let client = client.map_err(|error| AwsError::Credentials(format!(": {error}")))?;
        Ok(Self { account: Account::read().await?, client })
    }

    /// Invokes a function and waits for its answer.
    ///
    /// A request that Lambda throttled or failed to serve is sent again.
    /// So the function must recognise a repeated event.
    pub async fn invoke(&self, function: &str, event: &[u8]) -> Result<Vec<u8>, InvokeError> {
        let lost = |error: reqwest::Error| {
            let is_unsent = error.is_connect();
            let reason = format!("{:#}", anyhow::Error::new(error.without_url()));
            if is_unsent {
                return InvokeError::Unreachable { region: self.account.region.clone(), reason };
            }
            InvokeError::Lost { function: function.to_owned(), reason }
        };
        let mut wait = BACKOFF;
        for attempt in 1.. {
            let answer = self.send(function, event).await?.map_err(lost)?;
            let status = answer.status();
            let is_failed = answer.headers().contains_key("X-Amz-Function-Error");
            if status.is_success() {
                let body = answer.bytes().await.map_err(lost)?;
                if is_failed {
                    return Err(InvokeError::Failed {
                        function: function.to_owned(),
                        reason: text_of(&body, "errorMessage"),
                    });
                }
                return Ok(body.to_vec());
            }
            let is_passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            if is_passing && attempt < TRIES {
                tokio::time::sleep(wait).await;
                wait *= 2;
                continue;
            }
            let function = function.to_owned();
            if status == StatusCode::NOT_FOUND {
                let region = self.account.region.clone();
                return Err(InvokeError::NotFound { function, region });
            }
            let body = answer.bytes().await.map_err(lost)?;
            let reason = text_of(&body, "message");
            return Err(InvokeError::Refused { function, status, reason });
        }
        unreachable!("the loop ends by returning")
    }

    #[expect(clippy::disallowed_methods, reason = "a signature contains the time")]
    async fn send(
        &self,
        function: &str,
        event: &[u8],
    ) -> Result<reqwest::Result<Response>, AwsError> {
        let Account { region, .. } = &self.account;
        let url =
            self.account.url("lambda", &format!("2015-03-31/functions/{function}/invocations"));
        let request = Unsigned { method: "POST", url: &url, headers: &[], body: event };
        let credentials = crate::credentials().await?;
        let headers =
            signing::headers_of(&request, "lambda", region, &credentials, SystemTime::now())?;
        let request = headers
            .iter()
            .fold(self.client.post(&url), |request, (name, value)| request.header(name, value));
        Ok(request.body(event.to_vec()).send().await)
    }
}

/// Returns a text of an answer in JSON, or the whole answer.
fn text_of(body: &[u8], name: &str) -> String {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    // Lambda writes some names with a capital letter.
    let found = answer.as_object().into_iter().flatten();
    let mut found = found.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let found = found.find_map(|(_, value)| value.as_str());
    found.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}
