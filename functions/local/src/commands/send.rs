//! `weir send`: sends values to a Weir server over HTTP, with retries.

mod body;

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url, header};
use serde_json::Value;

use self::body::SendBody;
use crate::{Exit, output, output::say, settings::SendArgs};

/// The first pause between two attempts. Each next pause is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

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

async fn try_once(
    client: &Client,
    url: Url,
    key: Option<&str>,
    data: &SendBody,
) -> Result<Attempt, Exit> {
    let server = place(&url);
    let (body, bar) = data.body().await?;
    let mut request =
        client.post(url).header(header::CONTENT_TYPE, "application/x-ndjson").body(body);
    if data.is_gzip().await {
        request = request.header(header::CONTENT_ENCODING, "gzip");
    }
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let answer = request.send().await;
    bar.finish_and_clear();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let reason = format!("no answer from {server}: {}", cause(&error));
            return Ok(Attempt::Later(reason, None));
        }
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

/// Returns host and port of a URL.
fn place(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
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
