//! `weir send`: sends values to a Weir server over HTTP, with retries.

use std::{path::Path, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::fs::File;

use crate::{Exit, output, output::say, settings::SendArgs};

/// The first pause between two attempts. Each next pause is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The body to send. It can be read again for a retry.
enum SendBody {
    Text(String),
    File(std::path::PathBuf),
    /// A copy of stdin, which can be read only once.
    Kept(NamedTempFile),
}

/// The result of one attempt.
enum Attempt {
    Through(Value),
    /// A transient error: its text, and the pause that the server asks for.
    Later(String, Option<Duration>),
}

pub(super) async fn run(args: &SendArgs) -> Result<(), Exit> {
    let url = target(args)?;
    let data = SendBody::of(&args.data).await?;
    let client = Client::builder().connect_timeout(CONNECT_LIMIT).build().map_err(Exit::failed)?;
    let mut pause = PAUSE;
    for left in (0..=args.retries).rev() {
        match try_once(&client, url.clone(), args.api_key.as_deref(), &data).await? {
            Attempt::Through(answer) => {
                say!("{} sent", answer["accepted"]);
                return Ok(());
            }
            Attempt::Later(reason, _) if left == 0 => {
                return Err(Exit::failed(format!("{reason}; it is safe to send all of it again")));
            }
            Attempt::Later(reason, asked) => {
                let wait = asked.unwrap_or(pause).min(PAUSE_MAX);
                output::error_line(format_args!("{reason}; retry in {:.1} s", wait.as_secs_f64()));
                tokio::time::sleep(wait).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
    Ok(())
}

fn target(args: &SendArgs) -> Result<Url, Exit> {
    let wrong = |fault: &str| Exit::usage(format!("--url {}: {fault}", args.url));
    let mut url: Url = args.url.parse().map_err(|error| wrong(&format!("{error}")))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong("not an http or https URL"));
    }
    url.path_segments_mut()
        .map_err(|()| wrong("not a valid base URL"))?
        .pop_if_empty()
        .extend(["ingest", &args.topic]);
    if let Some(key) = &args.key {
        url.query_pairs_mut().append_pair("key", key);
    }
    Ok(url)
}

impl SendBody {
    async fn of(given: &str) -> Result<Self, Exit> {
        match given.strip_prefix('@') {
            None => Ok(Self::Text(given.to_owned())),
            Some("-") => {
                let kept = NamedTempFile::new().map_err(|e| {
                    Exit::failed(format!(
                        "cannot store the data of stdin in a \
                        temporary file: {e}"
                    ))
                })?;
                let mut file = kept.reopen().map_err(Exit::failed)?;
                let read = tokio::task::spawn_blocking(move || {
                    std::io::copy(&mut std::io::stdin().lock(), &mut file)
                })
                .await;
                read.map_err(Exit::failed)?.map_err(|e| {
                    Exit::failed(format!(
                        "cannot read stdin: \
                    {e}"
                    ))
                })?;
                Ok(Self::Kept(kept))
            }
            Some(file) => match Path::new(file) {
                path if path.is_file() => Ok(Self::File(path.to_owned())),
                path => {
                    Err(Exit::usage(format!("-d @{}: the file does not exist", path.display())))
                }
            },
        }
    }

    async fn body(&self) -> Result<reqwest::Body, Exit> {
        let path = match self {
            Self::Text(text) => return Ok(text.clone().into()),
            Self::File(path) => path.as_path(),
            Self::Kept(file) => file.path(),
        };
        let file = File::open(path)
            .await
            .map_err(|e| Exit::failed(format!("cannot read {}: {e}", path.display())))?;
        Ok(file.into())
    }

    /// Returns whether the body is gzip. It is then sent unchanged with that encoding.
    async fn is_gzip(&self) -> bool {
        use tokio::io::AsyncReadExt;
        let path = match self {
            Self::Text(_) => return false,
            Self::File(path) => path.as_path(),
            Self::Kept(file) => file.path(),
        };
        let mut first = [0; 2];
        let read = async { File::open(path).await?.read_exact(&mut first).await };
        read.await.is_ok() && first == [0x1f, 0x8b]
    }
}

async fn try_once(
    client: &Client,
    url: Url,
    key: Option<&str>,
    data: &SendBody,
) -> Result<Attempt, Exit> {
    let mut request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/x-ndjson")
        .body(data.body().await?);
    if data.is_gzip().await {
        request = request.header(header::CONTENT_ENCODING, "gzip");
    }
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        // The URL is left out of the text: the user gave it.
        Err(error) => return Ok(Attempt::Later(format!("no answer: {}", cause(&error)), None)),
    };
    let status = answer.status();
    let asked = retry_after(&answer);
    let body: Value = answer.json().await.unwrap_or_default();
    if status.is_success() {
        return Ok(Attempt::Through(body));
    }
    let words = match (body["detail"].as_str(), body["hint"].as_str()) {
        (Some(detail), Some(hint)) => format!("{status}: {detail}; {hint}"),
        _ => status.to_string(),
    };
    let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    if status.is_server_error() || passes.contains(&status) {
        return Ok(Attempt::Later(words, asked));
    }
    for one in body["invalid"].as_array().into_iter().flatten() {
        output::error_line(format_args!(
            "line {}: {}",
            one["line"],
            one["reason"].as_str().unwrap_or_default()
        ));
    }
    match body["invalid_count"].as_u64() {
        Some(refused) if body.get("detail").is_none() => {
            Err(Exit::failed(format!("{refused} refused, {} sent", body["accepted"])))
        }
        _ => Err(Exit::failed(words)),
    }
}

/// Returns the innermost cause: the outer errors only say that the request failed.
fn cause(error: &reqwest::Error) -> String {
    let causes =
        std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

fn retry_after(answer: &Response) -> Option<Duration> {
    answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
