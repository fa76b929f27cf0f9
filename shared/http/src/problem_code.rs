//! The codes of problems, each with its HTTP status, cause and remedy.

use axum::http::StatusCode;
use strum::{EnumMessage, IntoStaticStr, VariantArray};

/// The code of a [`Problem`](crate::Problem), by which a client's program recognizes the error.
///
/// The documentation of a variant is the cause, and its `message` the remedy. `docs/codes.md` is
/// made from both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumMessage, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ProblemCode {
    /// Several CDEvents have the requested id.
    #[strum(message = "Add `source` and `type` to the request.")]
    AmbiguousId,
    /// A list needs archived days of the log, and a file of them is missing or damaged. Or the S3
    /// bucket or the folder does not answer, or none is configured.
    #[strum(
        message = "Bring the file back that `detail` names, or set `--blob-url` (`BLOB_URL`) to a place that has it. The log of Weir has the reason with the answer's `x-request-id`. A list with `from` that is later than the archive works meanwhile."
    )]
    ArchiveUnreadable,
    /// The request has a fault that has no other code. The status can be another 4xx.
    #[strum(message = "Correct the request as `detail` says. `/docs` describes the route.")]
    BadRequest,
    /// The connection ended before the body did.
    #[strum(message = "Send the request again.")]
    BodyCutOff,
    /// The body is longer than the route allows, or expands to much more than its length.
    #[strum(
        message = "Send smaller bodies. `POST /ingest/upload` takes long files. If the body expands that much, send it uncompressed, without `Content-Encoding`."
    )]
    BodyTooLarge,
    /// Too many requests or bodies are handled at the same time.
    #[strum(
        message = "Retry after the time in `Retry-After`. The limits are `--concurrent-requests` and `--collect-streams`."
    )]
    Busy,
    /// PostgreSQL does not answer.
    #[strum(
        message = "Retry after the time in `Retry-After`. `/healthz` reports when PostgreSQL is back."
    )]
    DatabaseUnavailable,
    /// The S3 bucket or the folder with the dumps does not answer, or answers with an error.
    #[strum(
        message = "Retry later. The log of Weir has the reason with the answer's `x-request-id`."
    )]
    DumpsUnavailable,
    /// The API key lacks the scope of the route. Or Weir has no keys, and the request comes from
    /// another host or website.
    #[strum(
        message = "Use a key with the scope that `detail` names. Without keys, make one with `weir keys new` and start Weir with `--api-keys-file`."
    )]
    Forbidden,
    /// The request failed in Weir. The status can be another 5xx.
    #[strum(
        message = "Find the reason in the log of Weir, with the answer's `x-request-id`, and report it."
    )]
    Internal,
    /// The body is not a CDEvent, or its model or converter refused the event.
    #[strum(
        message = "Correct the event as `detail` says. `weir transform` tries a converter on a file."
    )]
    InvalidEvent,
    /// A header occurs twice, or is not ASCII text.
    #[strum(message = "Send the header that `detail` names once, in ASCII.")]
    InvalidHeader,
    /// The header `Host` is missing, occurs twice, or is not a host name.
    #[strum(message = "Send `Host` once, as `localhost:3000`.")]
    InvalidHost,
    /// The id in the path does not have the form of an id.
    #[strum(message = "Use an id that a list of the API returned.")]
    InvalidId,
    /// A query parameter is unknown, occurs twice, or has a wrong value.
    #[strum(message = "Correct the parameter as `hint` says.")]
    InvalidParameter,
    /// The signature of a webhook is missing, wrong, or too old.
    #[strum(
        message = "Give the sender the secret that the source has in Weir's configuration, and check the sender's clock."
    )]
    InvalidSignature,
    /// Kafka did not confirm all values in time.
    #[strum(
        message = "Send the whole body again after the time in `Retry-After`. The values that Kafka confirmed stay in the topic."
    )]
    KafkaUnavailable,
    /// The body is not the JSON that the route takes.
    #[strum(
        message = "Correct the JSON, and send the whole body again. The values before the fault stay in the topic."
    )]
    MalformedJson,
    /// The path exists, but not with this method.
    #[strum(message = "Use a method that the answer's header `Allow` lists.")]
    MethodNotAllowed,
    /// The path has no route, or no row has the requested id. Or the topic has no model, or the
    /// source is not configured.
    #[strum(
        message = "Check the path in `/docs`, and the id in a list. `GET /v1/models` lists the topics with a model."
    )]
    NotFound,
    /// The header `Content-Encoding` says gzip, and the body is not valid gzip.
    #[strum(message = "Send valid gzip, or leave the header out.")]
    NotGzip,
    /// The values of the topic are not JSON: a decoder reads them.
    #[strum(message = "Write to this topic with a Kafka client.")]
    NotJson,
    /// Weir has no destination for dumps.
    #[strum(message = "Set `--blob-url` (`BLOB_URL`).")]
    NoDumps,
    /// The topic of the record has no model.
    #[strum(message = "Bind the topic with `--topics`, then retry.")]
    NoModel,
    /// The rows of the page need more memory than Weir allows for one answer.
    #[strum(message = "Ask for smaller pages with `limit`.")]
    PageTooLarge,
    /// A value, or a batch of short values, is larger than its Kafka topic accepts.
    #[strum(
        message = "Raise the topic's `max.message.bytes`. If no value is longer than that, it is enough to give Weir's producer a smaller `batch.size` with `--kafka-property` (`KAFKA_PROPERTIES`); the default is 1000000 bytes. Then send the whole body again."
    )]
    RecordTooLarge,
    /// The model, a plugin or the database refused the record again.
    #[strum(message = "Remove the cause that `detail` names, then retry.")]
    Refused,
    /// The sender of the body was silent for too long, or too slow.
    #[strum(
        message = "Send the body again without pauses. The limits are `--collect-idle-timeout` and `--collect-min-rate`."
    )]
    RequestTimeout,
    /// The answer is longer than Lambda can send.
    #[strum(
        message = "Ask for pages with `limit` and follow their `Link`, or read the files of the dump."
    )]
    ResponseTooLarge,
    /// A webhook breaks a rule of its source.
    #[strum(message = "Correct the sender, or the `rules` of the source in Weir's configuration.")]
    RuleBroken,
    /// The request took longer than `--request-timeout`.
    #[strum(message = "Ask for less, or retry after the time in `Retry-After`.")]
    Timeout,
    /// The request has no API key, or an unknown one.
    #[strum(
        message = "Send `Authorization: Bearer KEY`, or the key as the user name of Basic. `weir keys new` makes a key."
    )]
    Unauthorized,
    /// The `Content-Encoding` of the body is neither gzip nor identity.
    #[strum(message = "Send the body uncompressed, or as gzip.")]
    UnsupportedContentEncoding,
    /// The route does not take this `Content-Type`.
    #[strum(message = "Send one of the types that `hint` names.")]
    UnsupportedMediaType,
    /// Weir could not sign a URL for an upload to S3.
    #[strum(
        message = "Retry after the time in `Retry-After`. The log of `collect` has the reason."
    )]
    UploadUnavailable,
}

impl ProblemCode {
    /// Returns the code as clients see it, such as `NOT_FOUND`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the HTTP status of problems with this code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest
            | Self::BodyCutOff
            | Self::InvalidEvent
            | Self::InvalidHeader
            | Self::InvalidHost
            | Self::InvalidId
            | Self::InvalidParameter
            | Self::MalformedJson
            | Self::NotGzip => StatusCode::BAD_REQUEST,
            Self::InvalidSignature | Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::RuleBroken => StatusCode::FORBIDDEN,
            Self::NoDumps | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge
            | Self::PageTooLarge
            | Self::RecordTooLarge
            | Self::ResponseTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedContentEncoding | Self::UnsupportedMediaType => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::AmbiguousId | Self::NoModel | Self::NotJson | Self::Refused => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ArchiveUnreadable
            | Self::Busy
            | Self::DatabaseUnavailable
            | Self::DumpsUnavailable
            | Self::KafkaUnavailable
            | Self::Timeout
            | Self::UploadUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns whether a problem with this code can have this status. The status of an error of
    /// axum or of a plugin is kept, so two codes have several.
    pub(crate) fn allows(self, status: StatusCode) -> bool {
        match self {
            Self::BadRequest => status.is_client_error(),
            Self::Internal => status.is_server_error(),
            _ => status == self.status(),
        }
    }
}
