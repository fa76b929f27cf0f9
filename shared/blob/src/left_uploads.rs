//! Multipart uploads that somebody began and did not end. They cost money, and no listing of files shows them.
//!
//! The library has no call for this; its signing and its client do the work.

use http::Method;
use object_store::{
    ClientOptions,
    aws::{AmazonS3, AwsAuthorizer},
    client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector},
    path::Path,
    signer::Signer,
};

use crate::crypto::Crypto;

/// A page of the list has at most 1000; so many pages are gone through.
const PAGES_MAX: usize = 100;
/// An answer to a list has at most so many bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const TRIES: usize = 8;

/// Aborts every multipart upload of a name below `folder`; gives how many. The error is one line.
///
/// S3: `ListMultipartUploads` and `AbortMultipartUpload` of the API reference.
pub(crate) async fn abort_below(s3: &AmazonS3, bucket: &str, folder: &Path, options: &ClientOptions) -> Result<usize, String> {
    let region = region();
    let client = ReqwestConnector::default().connect(options).map_err(|e| e.to_string())?;
    let asked = Asked { s3, client, region };
    let root = asked.root(bucket, folder).await?;
    let mut aborted = 0;
    for _ in 0..PAGES_MAX {
        let url = format!("{root}?max-uploads=1000&prefix={}%2F&uploads=", encoded(folder.as_ref()));
        let Some(page) = asked.send(Method::GET, &url).await? else { return Ok(aborted) };
        let left = uploads(&page);
        if left.is_empty() {
            return Ok(aborted);
        }
        for (key, id) in left {
            let key: Vec<String> = key.split('/').map(encoded).collect();
            asked.send(Method::DELETE, &format!("{root}/{}?uploadId={}", key.join("/"), encoded(&id))).await?;
            aborted += 1;
        }
    }
    Ok(aborted)
}

#[expect(clippy::disallowed_methods, reason = "AWS's own variables enter here, as the library's other ones do")]
fn region() -> String {
    std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION")).unwrap_or_else(|_| "us-east-1".to_owned())
}

struct Asked<'s> {
    s3: &'s AmazonS3,
    client: HttpClient,
    region: String,
}

impl Asked<'_> {
    /// The bucket's URL, as the library addresses it.
    async fn root(&self, bucket: &str, folder: &Path) -> Result<String, String> {
        let url = self.s3.signed_url(Method::GET, folder, std::time::Duration::from_secs(1)).await.map_err(|e| e.to_string())?;
        let root = url.as_str().split('?').next().unwrap_or_default();
        let root = root.strip_suffix(folder.as_ref()).or_else(|| root.find(bucket).map(|at| &root[..at + bucket.len()]));
        Ok(root.unwrap_or_default().trim_end_matches('/').to_owned())
    }

    /// The body of the answer; none for 404 and 501, where there is nothing to abort or nobody who knows.
    async fn send(&self, method: Method, url: &str) -> Result<Option<String>, String> {
        let mut fault = String::new();
        for n in 0..TRIES {
            if n > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50 << n.min(6))).await;
            }
            match self.send_once(method.clone(), url).await {
                Ok((200..=299, body)) => return Ok(Some(body)),
                Ok((404 | 501, _)) => return Ok(None),
                Ok((status, body)) => fault = format!("the server answered {status}: {}", body.chars().take(200).collect::<String>()),
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    async fn send_once(&self, method: Method, url: &str) -> Result<(u16, String), String> {
        let credential = self.s3.credentials().get_credential().await.map_err(|e| e.to_string())?;
        let mut request: HttpRequest =
            http::Request::builder().method(method).uri(url).body(HttpRequestBody::empty()).map_err(|e| e.to_string())?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .with_crypto(&Crypto)
            .try_authorize(&mut request, None)
            .map_err(|e| e.to_string())?;
        let answer = self.client.execute(request).await.map_err(|e| e.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await.map_err(|e| e.to_string())?;
        if body.len() > ANSWER_BYTES_MAX {
            return Err(format!("the server answered with {} bytes", body.len()));
        }
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// Key and upload id of each `<Upload>`.
fn uploads(xml: &str) -> Vec<(String, String)> {
    let text = |part: &str, name: &str| {
        let (_, rest) = part.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&"))
    };
    xml.split("<Upload>").skip(1).filter_map(|part| Some((text(part, "Key")?, text(part, "UploadId")?))).collect()
}

/// Percent-encoded as a signature has it: all but `A-Za-z0-9-._~`.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_read_from_the_answer() {
        let xml = "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>b</Bucket><Upload><Key>a/dt=1/p&amp;q</Key><UploadId>x1</UploadId></Upload>\
                   <Upload><UploadId>x2</UploadId><Key>c</Key></Upload></ListMultipartUploadsResult>";
        assert_eq!(uploads(xml), [("a/dt=1/p&q".to_owned(), "x1".to_owned()), ("c".to_owned(), "x2".to_owned())]);
        assert_eq!(uploads("<ListMultipartUploadsResult/>"), []);
        assert_eq!(encoded("dt=1/ü"), "dt%3D1%2F%C3%BC");
    }
}
