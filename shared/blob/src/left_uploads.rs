//! Multipart uploads that were started but not completed. They cost money, and no list of files
//! shows them.
//!
//! The library has no call for this task. This module uses the library's signatures and HTTP
//! client.

use http::Method;
use object_store::{
    ClientOptions,
    aws::{AmazonS3, AwsAuthorizer},
    client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector},
    path::Path,
    signer::Signer,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::crypto::Crypto;

/// The most pages of the list that are read. A page has up to 1000 uploads.
const PAGES_MAX: usize = 100;
/// The most bytes of the body of an answer.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const TRIES: usize = 8;

/// Aborts every multipart upload of a name below `folder` and returns their number. The error is
/// one line.
///
/// S3: `ListMultipartUploads` and `AbortMultipartUpload` of the API reference.
pub(crate) async fn abort_below(
    s3: &AmazonS3,
    bucket: &str,
    folder: &Path,
    options: &ClientOptions,
) -> Result<usize, String> {
    let region = region();
    let client = ReqwestConnector::default().connect(options).map_err(|e| e.to_string())?;
    let asked = Asked { s3, client, region };
    let root = asked.root(bucket, folder).await?;
    let mut aborted = 0;
    for _ in 0..PAGES_MAX {
        let url = format!(
            "{root}?max-uploads=1000&prefix={}%2F&uploads=",
            utf8_percent_encode(folder.as_ref(), UNRESERVED)
        );
        let Some(page) = asked.send(Method::GET, &url).await? else { return Ok(aborted) };
        let left = uploads(&page);
        if left.is_empty() {
            return Ok(aborted);
        }
        for LeftUpload { key, upload_id } in left {
            let key = utf8_percent_encode(&key, PATH);
            asked
                .send(
                    Method::DELETE,
                    &format!(
                        "{root}/{key}?uploadId={}",
                        utf8_percent_encode(&upload_id, UNRESERVED)
                    ),
                )
                .await?;
            aborted += 1;
        }
    }
    Ok(aborted)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this code reads the variables of AWS, as the library does"
)]
fn region() -> String {
    std::env::var("AWS_REGION")
        .or_else(|_| std::env::var("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|_| "us-east-1".to_owned())
}

struct Asked<'s> {
    s3: &'s AmazonS3,
    client: HttpClient,
    region: String,
}

impl Asked<'_> {
    /// Returns the URL of the bucket in the form that the library uses.
    async fn root(&self, bucket: &str, folder: &Path) -> Result<String, String> {
        let url = self
            .s3
            .signed_url(Method::GET, folder, std::time::Duration::from_secs(1))
            .await
            .map_err(|e| e.to_string())?;
        let root = url.as_str().split('?').next().unwrap_or_default();
        let root = root
            .strip_suffix(folder.as_ref())
            .or_else(|| root.find(bucket).map(|at| &root[..at + bucket.len()]));
        Ok(root.unwrap_or_default().trim_end_matches('/').to_owned())
    }

    /// Returns the body of the answer.
    ///
    /// Returns `None` for 404 and 501: no upload exists, or the server does not know the request.
    async fn send(&self, method: Method, url: &str) -> Result<Option<String>, String> {
        let mut fault = String::new();
        for n in 0..TRIES {
            if n > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50 << n.min(6))).await;
            }
            match self.send_once(method.clone(), url).await {
                Ok((200..=299, body)) => return Ok(Some(body)),
                Ok((404 | 501, _)) => return Ok(None),
                Ok((status, body)) => {
                    fault = format!(
                        "the server answered {status}: {}",
                        body.chars().take(200).collect::<String>()
                    );
                }
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    async fn send_once(&self, method: Method, url: &str) -> Result<(u16, String), String> {
        let credential = self.s3.credentials().get_credential().await.map_err(|e| e.to_string())?;
        let mut request: HttpRequest = http::Request::builder()
            .method(method)
            .uri(url)
            .body(HttpRequestBody::empty())
            .map_err(|e| e.to_string())?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .with_crypto(&Crypto)
            .try_authorize(&mut request, None)
            .map_err(|e| e.to_string())?;
        let answer = self.client.execute(request).await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await.map_err(|e| e.to_string())?;
        if body.len() > ANSWER_BYTES_MAX {
            return Err(format!(
                "the server answered with {} bytes, which is too many",
                body.len()
            ));
        }
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// The answer to `ListMultipartUploads`.
#[derive(Default, Deserialize)]
struct UploadList {
    #[serde(rename = "Upload", default)]
    uploads: Vec<LeftUpload>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LeftUpload {
    key: String,
    upload_id: String,
}

/// Returns the uploads of an answer; empty when the answer cannot be parsed.
fn uploads(xml: &str) -> Vec<LeftUpload> {
    quick_xml::de::from_str::<UploadList>(xml).unwrap_or_default().uploads
}

/// The characters that a signature requires to be encoded: all except these.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The characters to encode in a path, which keeps its slashes.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_read_from_the_answer() {
        let xml = "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>b</Bucket><Upload><Key>a/dt=1/p&amp;q</Key><UploadId>x1</UploadId></Upload>\
                   <Upload><UploadId>x2</UploadId><Key>c</Key></Upload></ListMultipartUploadsResult>";
        let upload =
            |key: &str, id: &str| LeftUpload { key: key.to_owned(), upload_id: id.to_owned() };
        assert_eq!(uploads(xml), [upload("a/dt=1/p&q", "x1"), upload("c", "x2")]);
        assert_eq!(uploads("<ListMultipartUploadsResult/>"), []);
        assert_eq!(uploads("not found"), []);
        assert_eq!(utf8_percent_encode("dt=1/ü", UNRESERVED).to_string(), "dt%3D1%2F%C3%BC");
        assert_eq!(utf8_percent_encode("a/dt=1/ü", PATH).to_string(), "a/dt%3D1/%C3%BC");
    }
}
